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
  void update(const Tensor& output, const Tensor& target) override {
    const std::vector<double> logits = output.to(DType::f64).to_vector<double>();
    const std::vector<double> wanted = target.to(DType::f64).to_vector<double>();
    WEFT_CHECK(logits.size() == wanted.size(),
               "metric 'binary_accuracy': the model gives {} for targets {}; one output for each "
               "target is required",
               output.shape(), target.shape());
    for (std::size_t i = 0; i < logits.size(); ++i) hits_ += (logits[i] > 0) == (wanted[i] > 0.5);
    elements_ += output.elements();
  }
  double value() const override {
    if (elements_ == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(hits_) / static_cast<double>(elements_);
  }
  void reset() override { hits_ = elements_ = 0; }
  void merge(const SumOverRanks& sum) override { sum_numbers<i64>(sum, {&hits_, &elements_}); }

 private:
  i64 hits_ = 0, elements_ = 0;
};

const bool registered = Registry<Metric>::add<BinaryAccuracy>("binary_accuracy");

}  // namespace
}  // namespace weft::train
