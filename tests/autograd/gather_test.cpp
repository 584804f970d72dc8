// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

Tensor boxes(const testing::Draw& draw) { return draw.normal({draw.size.rows, 5, draw.size.cols}); }
Tensor eight_of_5(const testing::Draw& draw) { return draw.integers({8}, 5); }
Tensor place_in_5(const testing::Draw& draw) {
  return draw.integers({draw.size.rows, 7, draw.size.cols}, 5);
}
Tensor column_of_labels(const testing::Draw& draw) {
  return draw.integers({draw.size.rows, 1}, std::max<i64>(draw.size.cols, 1));
}
Tensor table_of_9(const testing::Draw& draw) { return draw.normal({9, draw.size.cols}); }
Tensor rows_of_9(const testing::Draw& draw) { return draw.integers({draw.size.rows}, 9); }
Tensor indices_of(std::vector<i64> values) {
  return Tensor::copy_of(values, {static_cast<i64>(values.size())});
}

// y[o,j,i] = x[o,index(o,j,i),i] along the middle axis of three.
template <class Index>
Variable along_middle(const Tensor& x, i64 k, const Index& index) {
  const i64 outer = x.size(0), n = x.size(1), inner = x.size(2);
  Tensor y = Tensor::empty({outer, k, inner}, DType::f64);
  for (i64 o = 0; o < outer; ++o)
    for (i64 j = 0; j < k; ++j)
      for (i64 i = 0; i < inner; ++i)
        y.data<double>()[(o * k + j) * inner + i] =
            x.data<double>()[(o * n + index(o, j, i)) * inner + i];
  return Variable(y);
}

WEFT_OP_ROW(
    index_select,
    {.inputs = {boxes, eight_of_5},
     .op = [](auto& a) { return index_select(a[0], -2, a[1].value()); },
     .reference =
         [](auto& a) {
           return along_middle(a[0].value(), 8, [&](i64, i64 j, i64) {
             return a[1].value().template data<i64>()[j];
           });
         },
     .errors = {{[] {
                   index_select(Tensor::zeros({2, 3}), 1, indices_of({0, 3}));
                 },
                 "index 3 into axis 1 of (2, 3); it must be in 0..2"},
                {[] {
                   index_select(Tensor::zeros({2, 3}), 1, Tensor::zeros({2}));
                 },
                 "the index is f32; int64 is required"},
                {[] {
                   index_select(Tensor::zeros({2, 3}), 1, indices_of({0, 1}).reshape({1, 2}));
                 },
                 "the index is (1, 2); (n) is required"}}});
WEFT_OP_ROW(index_select,
            {.variant = "rows",
             .inputs = {table_of_9, rows_of_9},
             .op = [](auto& a) { return index_select(a[0], 0, a[1].value()); },
             .reference =
                 [](auto& a) {
                   const i64 rows = a[1].shape()[0], cols = a[0].shape()[1];
                   return Variable(along_middle(a[0].value().reshape(Shape{1, 9, cols}), rows,
                                                [&](i64, i64 j, i64) {
                                                  return a[1].value().template data<i64>()[j];
                                                })
                                       .value()
                                       .reshape(Shape{rows, cols}));
                 }});
WEFT_OP_ROW(gather,
            {.inputs = {boxes, place_in_5},
             .op = [](auto& a) { return gather(a[0], 1, a[1].value()); },
             .reference =
                 [](auto& a) {
                   const i64 inner = a[0].shape()[2];
                   return along_middle(a[0].value(), 7, [&](i64 o, i64 j, i64 i) {
                     return a[1].value().template data<i64>()[(o * 7 + j) * inner + i];
                   });
                 },
             .errors = {{[] {
                           gather(Tensor::zeros({2, 3}), 1, Tensor::full({2, 1}, -1, DType::int64));
                         },
                         "index -1 into axis 1 of (2, 3); it must be in 0..2"},
                        {[] {
                           gather(Tensor::zeros({2, 3}), 1, Tensor::zeros({1, 1}, DType::int64));
                         },
                         "x is (2, 3) and the index (1, 1); all sizes but that of axis 1 must be "
                         "equal"}}});
// One element of each row, for example the logit of its label.
WEFT_OP_ROW(gather,
            {.variant = "labels",
             .inputs = {testing::matrix, column_of_labels},
             .op = [](auto& a) { return gather(a[0], -1, a[1].value()); },
             .reference =
                 [](auto& a) {
                   const i64 rows = a[0].shape()[0], cols = a[0].shape()[1];
                   return Variable(along_middle(a[0].value().reshape(Shape{rows, cols, 1}), 1,
                                                [&](i64 o, i64, i64) {
                                                  return a[1].value().template data<i64>()[o];
                                                })
                                       .value()
                                       .reshape(Shape{rows, 1}));
                 },
             .sizes = testing::sizes_with_columns()});

// The rows above are too small for several threads.
TEST(Gather, TheGradientOfABigTensorIsTheSameForAnyNumberOfThreads) {
  const testing::MachineState restore;
  const i64 outer = 3, n = 200, k = 300, inner = 600;
  std::mt19937_64 engine(3);
  const testing::Draw draw{{}, {}, engine};
  const Tensor dy = draw.normal({outer, k, inner}).to(DType::f32), index = draw.integers({k}, n);
  const Tensor sums = Tensor::zeros({outer, n, inner}, DType::f64);
  for (i64 o = 0; o < outer; ++o)
    for (i64 j = 0; j < k; ++j)
      for (i64 i = 0; i < inner; ++i)
        sums.data<double>()[(o * n + index.data<i64>()[j]) * inner + i] +=
            static_cast<double>(dy.data<float>()[(o * k + j) * inner + i]);
  const Tensor expected = sums.to(DType::f32);  // rounded once
  for (int threads = 1; threads <= testing::most_threads(); ++threads) {
    set_threads(threads);
    const testing::Poison poison;
    Tensor actual = Tensor::empty({outer, n, inner});
    index_select_backward(actual, dy, 1, index);
    EXPECT_EQ(testing::difference_in_bytes(actual, expected), "");
  }
}

TEST(Gather, TensorsOfAnyDType) {
  const Tensor x = Tensor::copy_of(std::vector<u8>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(index_select(x, 1, indices_of({2, 0})).to_vector<u8>(), (std::vector<u8>{3, 1, 6, 4}));
  EXPECT_EQ(gather(x, 1, indices_of({2, 1}).reshape({2, 1})).to_vector<u8>(),
            (std::vector<u8>{3, 5}));
}

TEST(OneHot, NamesItsClasses) {
  const Tensor hot = one_hot(indices_of({2, 0, 1, 2}).reshape({2, 2}), 3);
  EXPECT_EQ(hot.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(hot.to_vector<float>(), (std::vector<float>{0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(one_hot(indices_of({}), 3, DType::f64).shape(), (Shape{0, 3}));
  const auto message = [](const Tensor& index, i64 classes) -> std::string {
    try {
      one_hot(index, classes);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message(indices_of({0, 3}), 3), "one_hot: index 3; indices must be in 0..2");
  EXPECT_EQ(message(indices_of({0}), 0), "one_hot: 0 classes; at least 1 is required");
}

TEST(Arange, CountsInEveryDType) {
  EXPECT_EQ(arange(-1, 3).to_vector<i64>(), (std::vector<i64>{-1, 0, 1, 2}));
  EXPECT_EQ(arange(0, 3, DType::f32).to_vector<float>(), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(arange(4, 4).shape(), (Shape{0}));
  EXPECT_THROW(arange(4, 3), UserError);
  EXPECT_THROW(arange(std::numeric_limits<i64>::min(), 1), UserError);
}

// The host does not wait for a GPU to see whether an index is good.
TEST(OneHot, ABadIndexIsNaNOnAGpu) {
  if (!kHasCuda) GTEST_SKIP() << "this build has no GPU";
  const Tensor index = indices_of({1, 3, -1, 0}).to(device_named("cuda"));
  const std::vector<float> hot = one_hot(index, 3).to_vector<float>();
  EXPECT_EQ(std::vector<float>(hot.begin(), hot.begin() + 3), (std::vector<float>{0, 1, 0}));
  EXPECT_EQ(std::vector<float>(hot.end() - 3, hot.end()), (std::vector<float>{1, 0, 0}));
  for (std::size_t i = 3; i < 9; ++i) EXPECT_TRUE(std::isnan(hot[i]));
  const Tensor numbers = arange(0, 3, DType::f32, index.device());
  EXPECT_TRUE(std::isnan(gather(numbers, 0, index).to_vector<float>()[1]));
  EXPECT_TRUE(std::isnan(index_select(numbers, 0, index).to_vector<float>()[2]));
}

}  // namespace
}  // namespace weft
