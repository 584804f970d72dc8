// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "weft/tensor/ops.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

// The mean absolute error over all elements of all samples.
class MeanAbsoluteError : public Metric {
 public:
  Targets targets() const override { return Targets::values; }
  OutputKind outputs() const override { return OutputKind::values; }
  Better better() const override { return Better::lower; }
  void update(const Tensor& output, const Tensor& target) override {
    // In f64, because a sum may leave the range of f32 where the mean does not.
    const Tensor total = pointwise_loss<kernels::L1>(
        output.to(DType::f64), target.to(DType::f64).reshape(output.shape()), 0, Reduction::sum);
    total_ = total_.defined() ? add(total_.to(total.device()), total) : total;
    numbers_ += output.elements();
  }
  double value() const override {
    if (numbers_ == 0) return std::numeric_limits<double>::quiet_NaN();
    return total_.item<double>() / static_cast<double>(numbers_);
  }
  void reset() override {
    total_ = Tensor();
    numbers_ = 0;
  }
  void merge(const SumOverRanks& sum) override {
    double total = total_.defined() ? total_.item<double>() : 0;
    sum_numbers<double>(sum, {&total});
    sum_numbers<i64>(sum, {&numbers_});
    total_ = Tensor::full({}, total, DType::f64);
  }

  void state(State& s) override {
    double total = total_.defined() ? total_.item<double>() : 0;
    s("total", total).within("numbers", numbers_, 0, kMostSaved);
    if (s.loading()) total_ = Tensor::full({}, total, DType::f64);
  }

 private:
  Tensor total_;
  i64 numbers_ = 0;
};

const bool registered = Registry<Metric>::add<MeanAbsoluteError>("mae");

}  // namespace
}  // namespace weft::train
