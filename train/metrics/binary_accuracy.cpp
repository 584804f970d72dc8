// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "weft/tensor/ops.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

// The fraction of elements whose output, a logit, is above 0 where the target is above 1/2, and not
// where it is not.
class BinaryAccuracy : public Metric {
 public:
  Targets targets() const override { return Targets::values; }
  OutputKind outputs() const override { return OutputKind::logits; }
  Better better() const override { return Better::higher; }
  void update(const Tensor& output, const Tensor& target) override {
    WEFT_CHECK(output.elements() == target.elements(),
               "metric 'binary_accuracy': the model gives {} for targets {}; one output for each "
               "target is required",
               output.shape(), target.shape());
    elements_ += output.elements();
    if (!is_cpu(output.device())) return count_there(output, target);
    const std::vector<double> logits = output.to(DType::f64).to_vector<double>();
    const std::vector<double> wanted = target.to(DType::f64).to_vector<double>();
    for (std::size_t i = 0; i < logits.size(); ++i) hits_ += (logits[i] > 0) == (wanted[i] > 0.5);
  }
  double value() const override {
    if (elements_ == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(hits()) / static_cast<double>(elements_);
  }
  void reset() override {
    hits_ = elements_ = 0;
    there_ = Tensor();
  }
  void merge(const SumOverRanks& sum) override {
    hits_ = hits();
    there_ = Tensor();
    sum_numbers<i64>(sum, {&hits_, &elements_});
  }
  void state(State& s) override {
    i64 all = hits();
    s.within("hits", all, 0, kMostSaved).within("elements", elements_, 0, kMostSaved);
    if (!s.loading()) return;
    hits_ = all;
    there_ = Tensor();
  }

 private:
  // Counts on the device, which the host does not wait for.
  void count_there(const Tensor& output, const Tensor& target) {
    const Tensor hit = eq(gt(output, 0), gt(target.reshape(output.shape()), 0.5));
    const Tensor count = sum(hit.to(DType::f32)).to(DType::f64);
    there_ = there_.defined() ? add(there_, count) : count;
  }
  i64 hits() const {
    return hits_ + (there_.defined() ? static_cast<i64>(there_.item<double>()) : 0);
  }

  i64 hits_ = 0, elements_ = 0;
  Tensor there_;  // hits that were counted on a device, f64
};

const bool registered = Registry<Metric>::add<BinaryAccuracy>("binary_accuracy");

}  // namespace
}  // namespace weft::train
