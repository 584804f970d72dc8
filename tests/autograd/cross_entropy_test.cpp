// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::labels;
using testing::matrix;

// Mean over the rows of −Σ_c target[c]·ln softmax(x)[c], where target is 1 − ε at the label and ε is
// spread over all.
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
    return Variable(Tensor::scalar(sum / static_cast<double>(rows), DType::f64));
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
                 "logits are (0, 3); at least one row and one class are required"},
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
