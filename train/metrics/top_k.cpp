// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "weft/tensor/ops.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

// The fraction of samples whose label is among the k largest outputs.
class TopK : public Metric {
 public:
  explicit TopK(i64 k) : k_(k) {}
  Targets targets() const override { return Targets::labels; }
  Better better() const override { return Better::higher; }
  void update(const Tensor& output, const Tensor& target) override {
    count_ = count_.defined() ? count_.to(output.device())
                              : Tensor::zeros({}, DType::int64, output.device());
    count_top_k(count_, output, target, k_);
    samples_ += output.size(0);
  }
  double value() const override {
    if (samples_ == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(count_.item<i64>()) / static_cast<double>(samples_);
  }
  void reset() override {
    count_ = Tensor();
    samples_ = 0;
  }
  void merge(const SumOverRanks& sum) override {
    i64 count = count_.defined() ? count_.item<i64>() : 0;
    sum_numbers<i64>(sum, {&count, &samples_});
    count_ = Tensor::copy_of(std::vector<i64>{count}, {});
  }

  void state(State& s) override {
    i64 count = count_.defined() ? count_.item<i64>() : 0;
    s.within("count", count, 0, kMostSaved).within("samples", samples_, 0, kMostSaved);
    if (s.loading()) count_ = Tensor::copy_of(std::vector<i64>{count}, {});
  }

 private:
  i64 k_;
  Tensor count_;
  i64 samples_ = 0;
};

const bool accuracy = Registry<Metric>::add<NoOptions>(
    "accuracy",
    [](const NoOptions&) -> std::unique_ptr<Metric> { return std::make_unique<TopK>(1); });
const bool top_k = Registry<Metric>::add<NoOptions>(
    "top_k", [](const NoOptions&) -> std::unique_ptr<Metric> { return std::make_unique<TopK>(5); });

}  // namespace
}  // namespace weft::train
