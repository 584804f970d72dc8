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
  void update(const Tensor& output, const Tensor& target) override {
    const auto rows = static_cast<double>(output.size(0));
    sum_ += cross_entropy(output, target).loss.item<double>() * rows;
    samples_ += rows;
  }
  double value() const override {
    return samples_ == 0 ? std::numeric_limits<double>::quiet_NaN() : std::exp(sum_ / samples_);
  }
  void reset() override { sum_ = samples_ = 0; }
  void merge(const SumOverRanks& sum) override { sum_numbers<double>(sum, {&sum_, &samples_}); }

 private:
  double sum_ = 0, samples_ = 0;
};

const bool registered = Registry<Metric>::add<Perplexity>("perplexity");

}  // namespace
}  // namespace weft::train
