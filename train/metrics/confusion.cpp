// SPDX-License-Identifier: Apache-2.0
// Metrics that are computed from a confusion matrix: confusion_matrix, f1_macro, f1_micro.
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "weft/core/checked.h"
#include "weft/tensor/ops.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {
namespace {

// counts[label · classes + prediction]. The prediction is the first of the largest outputs.
class Confusion : public Metric {
 public:
  Targets targets() const override { return Targets::labels; }
  void update(const Tensor& output, const Tensor& target) override {
    classes_ = output.size(1);
    if (!is_cpu(output.device())) return count_there(output, target);
    counts_.resize(static_cast<std::size_t>(classes_ * classes_), 0);
    const std::vector<i64> predictions = argmax(output, 1).to_vector<i64>();
    const std::vector<i64> labels = target.to_vector<i64>();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      WEFT_CHECK(labels[i] >= 0 && labels[i] < classes_,
                 "metric: label {}; labels must be in 0..{}", labels[i], classes_ - 1);
      ++counts_[static_cast<std::size_t>(labels[i] * classes_ + predictions[i])];
    }
  }
  void reset() override {
    counts_.clear();
    there_ = Tensor();
  }
  // A rank without a batch does not know the number of classes, so the ranks agree on it first.
  void merge(const SumOverRanks& sum) override {
    i64 knowing = empty() ? 0 : 1, classes = empty() ? 0 : classes_;
    sum_numbers<i64>(sum, {&knowing, &classes});
    if (knowing == 0) return;
    classes_ = classes / knowing;
    counts_.resize(static_cast<std::size_t>(classes_ * classes_), 0);
    const Tensor sums = Tensor::copy_of(counts_, {classes_, classes_});
    sum(sums);
    counts_ = sums.to_vector<i64>();
  }
  void state(State& s) override {
    take_from_there();
    s.within("classes", classes_, 0, kMostSaved).within("counts", counts_, 0, kMostSaved);
    if (!s.loading()) return;
    WEFT_CHECK(
        counts_.empty() || std::ssize(counts_) == checked_product("classes", classes_, classes_),
        "metric: {} counts of {} classes; the square is required", counts_.size(), classes_);
  }

 protected:
  struct Counts {
    double hits = 0, labelled = 0, predicted = 0;
  };
  Counts of(i64 c) const {
    Counts n{at(c, c)};
    for (i64 other = 0; other < classes_; ++other) {
      n.labelled += at(c, other);
      n.predicted += at(other, c);
    }
    return n;
  }
  bool empty() const {
    take_from_there();
    return counts_.empty();
  }
  i64 classes() const { return classes_; }
  const std::vector<i64>& counts() const { return counts_; }

 private:
  double at(i64 label, i64 prediction) const {
    return static_cast<double>(counts_[static_cast<std::size_t>(label * classes_ + prediction)]);
  }
  // Counts on the device, which the host does not wait for. A row of one_hot is NaN for a label
  // that is no class.
  void count_there(const Tensor& output, const Tensor& target) {
    const Tensor labels = one_hot(target, classes_),
                 predictions = one_hot(argmax(output, 1).reshape(target.shape()), classes_);
    const Tensor counts = matmul(transposed(labels), predictions).to(DType::f64);
    there_ = there_.defined() ? add(there_, counts) : counts;
  }
  void take_from_there() const {
    if (!there_.defined()) return;
    counts_.resize(static_cast<std::size_t>(classes_ * classes_), 0);
    const std::vector<double> counts = std::exchange(there_, Tensor()).to_vector<double>();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      WEFT_CHECK(std::isfinite(counts[i]), "metric: a label is no class; labels must be in 0..{}",
                 classes_ - 1);
      counts_[i] += static_cast<i64>(counts[i]);
    }
  }

  i64 classes_ = 0;
  mutable std::vector<i64> counts_;
  mutable Tensor there_;  // counted on a device and not yet among counts_, f64 (classes, classes)
};

// int64 (classes, classes): row label, column prediction.
class ConfusionMatrix final : public Confusion {
 public:
  double value() const override { return std::numeric_limits<double>::quiet_NaN(); }
  Tensor table() const override {
    return empty() ? Tensor::zeros({0, 0}, DType::int64)
                   : Tensor::copy_of(counts(), {classes(), classes()});
  }
};

// F1 is 2·hits / (labelled + predicted). Macro is the mean over the classes that occur as labels or
// predictions; micro sums over all classes first.
class F1 final : public Confusion {
 public:
  explicit F1(bool macro) : macro_(macro) {}
  Better better() const override { return Better::higher; }
  double value() const override {
    if (empty()) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0, met = 0, hits = 0, seen = 0;
    for (i64 c = 0; c < classes(); ++c) {
      const Counts n = of(c);
      if (n.labelled + n.predicted == 0) continue;
      sum += 2 * n.hits / (n.labelled + n.predicted);
      ++met;
      hits += n.hits;
      seen += n.labelled + n.predicted;
    }
    return macro_ ? sum / met : 2 * hits / seen;
  }

 private:
  bool macro_;
};

const bool matrix = Registry<Metric>::add<ConfusionMatrix>("confusion_matrix");
const bool macro = Registry<Metric>::add<NoOptions>(
    "f1_macro",
    [](const NoOptions&) -> std::unique_ptr<Metric> { return std::make_unique<F1>(true); });
const bool micro = Registry<Metric>::add<NoOptions>(
    "f1_micro",
    [](const NoOptions&) -> std::unique_ptr<Metric> { return std::make_unique<F1>(false); });

}  // namespace
}  // namespace weft::train
