// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "weft/tensor/ops.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

// The exponential of the mean negative log-probability of the label.
class Perplexity final : public Metric {
 public:
  Targets targets() const override { return Targets::labels; }
  OutputKind outputs() const override { return OutputKind::logits; }
  Better better() const override { return Better::lower; }
  void update(const Tensor& output, const Tensor& target) override {
    const auto rows = static_cast<double>(output.size(0));
    samples_ += rows;
    const Tensor loss = cross_entropy(output, target).loss;
    if (is_cpu(loss.device())) {
      sum_ += loss.item<double>() * rows;
    } else {  // the host does not wait for it
      const Tensor weighted = affine(loss.to(DType::f64), rows, 0);
      there_ = there_.defined() ? add(there_, weighted) : weighted;
    }
  }
  double value() const override {
    return samples_ == 0 ? std::numeric_limits<double>::quiet_NaN() : std::exp(total() / samples_);
  }
  void reset() override {
    sum_ = samples_ = 0;
    there_ = Tensor();
  }
  void merge(const SumOverRanks& sum) override {
    sum_ = total();
    there_ = Tensor();
    sum_numbers<double>(sum, {&sum_, &samples_});
  }
  void state(State& s) override {
    double all = total();
    s("sum", all).within("samples", samples_, 0, kMostSaved);
    if (!s.loading()) return;
    sum_ = all;
    there_ = Tensor();
  }

 private:
  double total() const { return sum_ + (there_.defined() ? there_.item<double>() : 0); }

  double sum_ = 0, samples_ = 0;
  Tensor there_;  // what was summed up on a device, f64
};

const bool registered = Registry<Metric>::add<Perplexity>("perplexity");

}  // namespace
}  // namespace weft::train
