// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::labels;
using testing::matrix;

// The mean over the rows of −Σ_c target[c]·ln softmax(x)[c]. The target is 1 − ε at the label, and
// ε is spread over all classes.
auto by_definition(double smoothing) {
  return [=](const testing::Variables& a) {
    const Tensor log_p = log_softmax(a[0].value());
    const i64 rows = log_p.size(0), cols = log_p.size(1);
    double sum = 0;
    for (i64 r = 0; r < rows; ++r)
      for (i64 c = 0; c < cols; ++c) {
        const double target =
            smoothing / static_cast<double>(cols) +
            (a[1].value().values<i64>()[static_cast<std::size_t>(r)] == c ? 1 - smoothing : 0.0);
        sum -= target * log_p.data<double>()[r * cols + c];
      }
    return Variable(Tensor::full({}, sum / static_cast<double>(rows), DType::f64));
  };
}

const std::vector<testing::Size> kSizes = {{1, 1},   {1, 10},    {31, 33},
                                           {33, 31}, {1025, 33}, {3, 1025}};

WEFT_OP_ROW(
    cross_entropy,
    {.inputs = {matrix, labels},
     .op = [](auto& a) { return cross_entropy(a[0], a[1].value()); },
     .reference = by_definition(0),
     .errors = {{[] {
                   cross_entropy(Tensor::zeros({2, 3}), Tensor::zeros({3}, DType::int64));
                 },
                 "logits (rows, classes) and int64 labels (rows) are required"},
                {[] {
                   cross_entropy(Tensor::zeros({2, 3}), Tensor::zeros({2}));
                 },
                 "labels f32 (2)"},
                {[] {
                   cross_entropy(Tensor::zeros({0, 3}), Tensor::zeros({0}, DType::int64));
                 },
                 "logits are (0, 3); at least one class, and one row for a mean, is required"},
                {[] {
                   cross_entropy(Tensor::zeros({2, 3}),
                                 Tensor::copy_of<i64>(std::vector<i64>{0, 3}, {2}));
                 },
                 "label 3 in row 1; labels must be in 0..2"},
                {[] {
                   cross_entropy(Tensor::zeros({2, 3}),
                                 Tensor::copy_of<i64>(std::vector<i64>{-1, 0}, {2}));
                 },
                 "label -1 in row 0; labels must be in 0..2"},
                {[] {
                   cross_entropy(Tensor::zeros({2, 3}), Tensor::zeros({2}, DType::int64), 1.0);
                 },
                 "label_smoothing is 1; it must be in [0, 1)"}},
     .sizes = kSizes});
WEFT_OP_ROW(cross_entropy, {.variant = "smoothed",
                            .inputs = {matrix, labels},
                            .op = [](auto& a) { return cross_entropy(a[0], a[1].value(), 0.1); },
                            .reference = by_definition(0.1),
                            .sizes = kSizes});

// Σ_r w·[(1 − ε)·nll + …] / Σ_r w, where w is the weight of the label of row r. Smoothing spreads
// by the class weights, and rows with label 2 are left out.
Variable weighted_by_definition(const testing::Variables& a, const CrossEntropyOptions& o) {
  const Tensor log_p = log_softmax(a[0].value());
  const i64 rows = log_p.size(0), cols = log_p.size(1);
  const std::vector<double> weights = o.class_weights.to_vector<double>();
  double sum = 0, total = 0;
  for (i64 r = 0; r < rows; ++r) {
    const i64 label = a[1].value().values<i64>()[static_cast<std::size_t>(r)];
    if (label == o.ignore_index) continue;
    total += weights[static_cast<std::size_t>(label)];
    for (i64 c = 0; c < cols; ++c) {
      const double share = o.label_smoothing / static_cast<double>(cols) +
                           (c == label ? 1 - o.label_smoothing : 0.0);
      sum -= share * weights[static_cast<std::size_t>(c)] * log_p.data<double>()[r * cols + c];
    }
  }
  return Variable(Tensor::full({}, total > 0 ? sum / total : 0, DType::f64));
}
CrossEntropyOptions weights_for(const testing::Variables& a, double smoothing) {
  std::vector<double> weights;
  for (i64 c = 0; c < a[0].shape()[1]; ++c) weights.push_back(0.25 * static_cast<double>(c % 5));
  weights[0] = 1.5;
  const Tensor here = Tensor::copy_of(weights, {a[0].shape()[1]});
  return {.label_smoothing = smoothing,
          .class_weights = here.to(a[0].value().dtype()).to(a[0].device()),
          .ignore_index = 2};
}
WEFT_OP_ROW(cross_entropy,
            {.variant = "weighted",
             .inputs = {matrix, labels},
             .op = [](auto& a) { return cross_entropy(a[0], a[1].value(), weights_for(a, 0)); },
             .reference = [](auto& a) { return weighted_by_definition(a, weights_for(a, 0)); },
             .errors = {{[] {
                           cross_entropy(Tensor::zeros({2, 3}), Tensor::zeros({2}, DType::int64),
                                         CrossEntropyOptions{.class_weights = Tensor::zeros({2})});
                         },
                         "class weights f32 (2) for 3 classes of f32; one f32 weight per class is "
                         "required"},
                        {[] {
                           cross_entropy(Tensor::zeros({1, 2}), Tensor::zeros({1}, DType::int64),
                                         CrossEntropyOptions{.class_weights = Tensor::copy_of(
                                                                 std::vector<float>{1, -2}, {2})});
                         },
                         "the class weight 1 is -2; a finite number of at least 0 is required"},
                        {[] {
                           cross_entropy(Tensor::zeros({2, 3}),
                                         Tensor::copy_of<i64>(std::vector<i64>{-100, 3}, {2}),
                                         CrossEntropyOptions{.ignore_index = -100});
                         },
                         "label 3 in row 1; labels must be in 0..2"}},
             .sizes = kSizes});
WEFT_OP_ROW(cross_entropy,
            {.variant = "weighted_smoothed",
             .inputs = {matrix, labels},
             .op = [](auto& a) { return cross_entropy(a[0], a[1].value(), weights_for(a, 0.1)); },
             .reference = [](auto& a) { return weighted_by_definition(a, weights_for(a, 0.1)); },
             .sizes = kSizes});
// Rows are ignored, and all other rows have weight 1.
WEFT_OP_ROW(cross_entropy,
            {.variant = "ignoring",
             .inputs = {matrix, labels},
             .op = [](auto& a) { return cross_entropy(a[0], a[1].value(), {.ignore_index = 0}); },
             .reference =
                 [](auto& a) {
                   const Tensor ones = Tensor::full({a[0].shape()[1]}, 1, DType::f64);
                   return weighted_by_definition(a, {.class_weights = ones, .ignore_index = 0});
                 },
             .sizes = kSizes});

// Without a mean, the loss of a row is its term of the sum.
CrossEntropyOptions reduced_by(const testing::Variables& a, Reduction reduction) {
  CrossEntropyOptions options = weights_for(a, 0.1);
  options.reduction = reduction;
  return options;
}
Variable rows_by_definition(const testing::Variables& a, Reduction reduction) {
  const CrossEntropyOptions o = reduced_by(a, reduction);
  const Tensor log_p = log_softmax(a[0].value());
  const i64 count = log_p.size(0), cols = log_p.size(1);
  const std::vector<double> weights = o.class_weights.to_vector<double>();
  Tensor rows = Tensor::zeros({count}, DType::f64);
  for (i64 r = 0; r < count; ++r) {
    const i64 label = a[1].value().values<i64>()[static_cast<std::size_t>(r)];
    for (i64 c = 0; c < cols && label != o.ignore_index; ++c) {
      const double share = 0.1 / static_cast<double>(cols) + (c == label ? 0.9 : 0.0);
      rows.data<double>()[r] -=
          share * weights[static_cast<std::size_t>(c)] * log_p.data<double>()[r * cols + c];
    }
  }
  return Variable(reduction == Reduction::none ? rows : sum(rows));
}
const std::vector<testing::Size> kAlsoEmpty = {{0, 5}, {1, 1}, {31, 33}, {1025, 33}, {3, 1025}};
WEFT_OP_ROW(
    cross_entropy,
    {.variant = "sum",
     .inputs = {matrix, labels},
     .op = [](auto& a) { return cross_entropy(a[0], a[1].value(), reduced_by(a, Reduction::sum)); },
     .reference = [](auto& a) { return rows_by_definition(a, Reduction::sum); },
     .sizes = kAlsoEmpty});
WEFT_OP_ROW(cross_entropy,
            {.variant = "none",
             .inputs = {matrix, labels},
             .op =
                 [](auto& a) {
                   return cross_entropy(a[0], a[1].value(), reduced_by(a, Reduction::none));
                 },
             .reference = [](auto& a) { return rows_by_definition(a, Reduction::none); },
             .errors = {{[] {
                           cross_entropy(Tensor::zeros({2, 0}), Tensor::zeros({2}, DType::int64),
                                         CrossEntropyOptions{.reduction = Reduction::none});
                         },
                         "logits are (2, 0); at least one class, and one row for a mean, is "
                         "required"}},
             .sizes = kAlsoEmpty});

// The target of each row is a probability for each class, which need not have the sum 1.
Tensor probabilities(const testing::Draw& draw) {
  return draw.uniform(draw.before[0].shape(), 0, 1);
}
struct SoftCase {
  Reduction reduction = Reduction::mean;
  double smoothing = 0;
  bool weighted = false;
};
CrossEntropyOptions options_of(const SoftCase& soft, const testing::Variables& a) {
  CrossEntropyOptions options = weights_for(a, soft.smoothing);
  options.ignore_index.reset();
  if (!soft.weighted) options.class_weights = {};
  options.reduction = soft.reduction;
  return options;
}
// As a student would write it: −Σ w·t'·ln softmax(x), with t' = (1 − ε)·t + ε/classes.
auto soft_by_definition(const SoftCase& soft) {
  return [=](const testing::Variables& a) {
    const i64 cols = a[0].shape()[1];
    Variable target = (1 - soft.smoothing) * a[1] + soft.smoothing / static_cast<double>(cols);
    if (soft.weighted) target = target * Variable(options_of(soft, a).class_weights);
    Variable each = reshape(-sum(target * log_softmax(a[0]), -1), {a[0].shape()[0]});
    if (soft.reduction == Reduction::none) return each;
    return soft.reduction == Reduction::sum ? sum(each) : mean(each);
  };
}
bool add_soft_row(const char* variant, const SoftCase& soft) {
  testing::OpRow row{.variant = variant,
                     .inputs = {matrix, probabilities},
                     .op = [=](auto& a) { return cross_entropy(a[0], a[1], options_of(soft, a)); },
                     .reference = soft_by_definition(soft),
                     .sizes = soft.reduction == Reduction::mean ? kSizes : kAlsoEmpty};
  if (soft.weighted || soft.reduction != Reduction::mean)
    return testing::add_op_row("cross_entropy", row, __FILE__, __LINE__);
  row.errors = {
      {[] {
         cross_entropy(Variable(Tensor::zeros({2, 3})), Tensor::zeros({2, 4}));
       },
       "logits are f32 (2, 3) and the target f32 (2, 4); int64 labels (rows), or probabilities in "
       "the shape and type of logits (rows, classes), are required"},
      {[] {
         cross_entropy(Variable(Tensor::zeros({2, 3})), Tensor::zeros({2, 3}, DType::f64));
       },
       "the target f64 (2, 3)"},
      {[] {
         cross_entropy(Variable(Tensor::zeros({2, 3})), Tensor::zeros({2, 3}), {.ignore_index = 1});
       },
       "ignore_index 1 given with probabilities as the target"}};
  return testing::add_op_row("cross_entropy", row, __FILE__, __LINE__);
}
[[maybe_unused]] const bool soft_rows_added =
    add_soft_row("soft", {}) && add_soft_row("soft_sum", {.reduction = Reduction::sum}) &&
    add_soft_row("soft_none", {.reduction = Reduction::none, .smoothing = 0.1, .weighted = true}) &&
    add_soft_row("soft_weighted", {.smoothing = 0.1, .weighted = true});

// Labels and probabilities that say the same give the same loss and gradient.
TEST(CrossEntropy, OfOneHotProbabilitiesIsThatOfLabels) {
  const Tensor logits = Tensor::copy_of<double>(std::vector<double>{1, 2, 3, -1, 0, 5}, {2, 3});
  const Tensor classes = Tensor::copy_of<i64>(std::vector<i64>{2, 0}, {2});
  const Tensor one_hot = Tensor::copy_of<double>(std::vector<double>{0, 0, 1, 1, 0, 0}, {2, 3});
  const Variable x = Variable::leaf(logits), y = Variable::leaf(logits.clone());
  const Variable by_label = cross_entropy(x, classes, 0.1);
  const Variable by_probability = cross_entropy(y, one_hot, {.label_smoothing = 0.1});
  EXPECT_NEAR(by_label.value().item<double>(), by_probability.value().item<double>(), 1e-14);
  by_label.backward();
  by_probability.backward();
  EXPECT_LT(sum(abs(sub(x.grad(), y.grad()))).item<double>(), 1e-14);
}

// The mixed target of mixup and cutmix: λ·CE(first) + (1 − λ)·CE(second).
TEST(CrossEntropy, IsLinearInTheTarget) {
  const Tensor logits = Tensor::copy_of<double>(std::vector<double>{1, 2, 3, -1, 0, 5}, {2, 3});
  const Tensor first = Tensor::copy_of<i64>(std::vector<i64>{2, 0}, {2});
  const Tensor second = Tensor::copy_of<i64>(std::vector<i64>{1, 0}, {2});
  const Tensor both = Tensor::copy_of<double>(std::vector<double>{0, 0.7, 0.3, 1, 0, 0}, {2, 3});
  for (const double smoothing : {0.0, 0.2}) {
    const double pair =
        0.3 * cross_entropy(Variable(logits), first, smoothing).value().item<double>() +
        0.7 * cross_entropy(Variable(logits), second, smoothing).value().item<double>();
    const double soft = cross_entropy(Variable(logits), both, {.label_smoothing = smoothing})
                            .value()
                            .item<double>();
    EXPECT_NEAR(soft, pair, 1e-14);
  }
}

TEST(CrossEntropy, WithoutWeightsItIsThePlainOne) {
  const Tensor logits = Tensor::copy_of<double>(std::vector<double>{1, 2, 3, -1, 0, 5}, {2, 3});
  const Tensor classes = Tensor::copy_of<i64>(std::vector<i64>{2, 0}, {2});
  const double plain = cross_entropy(Variable(logits), classes, 0.1).value().item<double>();
  const CrossEntropyOptions ones{.label_smoothing = 0.1,
                                 .class_weights = Tensor::full({3}, 1, DType::f64)};
  EXPECT_NEAR(cross_entropy(Variable(logits), classes, ones).value().item<double>(), plain, 1e-14);
  // If all rows are ignored, the loss and the gradient are 0.
  const Variable x = Variable::leaf(logits);
  const CrossEntropyOptions none{.ignore_index = 1};
  const Tensor ignored = Tensor::copy_of<i64>(std::vector<i64>{1, 1}, {2});
  const Variable loss = cross_entropy(x, ignored, none);
  loss.backward();
  EXPECT_EQ(loss.value().item<double>(), 0);
  EXPECT_EQ(sum(abs(x.grad())).item<double>(), 0);
}

TEST(CrossEntropy, TheFirstBadRowIsNamedForAnyNumberOfThreads) {
  const testing::MachineState restore;
  std::vector<i64> classes(4096, 1);
  classes[1000] = 7;
  classes[3000] = 9;
  for (int threads = 1; threads <= testing::most_threads(); ++threads) {
    set_threads(threads);
    try {
      cross_entropy(Tensor::zeros({4096, 5}), Tensor::copy_of(classes, {4096}));
      ADD_FAILURE();
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("label 7 in row 1000"), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace weft
