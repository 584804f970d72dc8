// SPDX-License-Identifier: Apache-2.0
// The expected texts are NumPy's str() of the same arrays, with dtype and shape added.
#include "weft/tensor/print.h"

#include <cmath>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

namespace weft {
namespace {

template <class T>
std::string printed(std::vector<T> values, const Shape& shape) {
  return to_string(Tensor::copy_of(values, shape));
}
Tensor counting(const Shape& shape, DType dtype = DType::int64) {
  std::vector<i64> values;
  for (i64 i = 0; i < shape.elements(); ++i) values.push_back(i);
  return Tensor::copy_of(values, shape).to(dtype);
}

TEST(Print, ColumnsAreAlignedAtThePoint) {
  EXPECT_EQ(printed<float>({1, 2.5, -3, 0.125}, {2, 2}), R"([[ 1.     2.5  ]
 [-3.     0.125]]  f32 (2, 2))");
  EXPECT_EQ(printed<float>({1, 2, 3}, {3}), "[1. 2. 3.]  f32 (3)");
  EXPECT_EQ(printed<double>({0, 0}, {2}), "[0. 0.]  f64 (2)");
}

TEST(Print, AnElementHasTheDigitsThatItsTypeTellsApart) {
  EXPECT_EQ(printed<float>({0.1f, 1.0f / 3}, {2}), "[0.1        0.33333334]  f32 (2)");
  EXPECT_EQ(printed<double>({0.1, 1.0 / 3}, {2}), "[0.1        0.33333333]  f64 (2)");
  const Tensor tenth = Tensor::full({1}, 0.1);
  EXPECT_EQ(to_string(tenth.to(DType::f16)), "[0.1]  f16 (1)");
  EXPECT_EQ(to_string(tenth.to(DType::bf16)), "[0.1]  bf16 (1)");
  EXPECT_EQ(to_string(tenth, {.precision = 2}), "[0.1]  f32 (1)");
  EXPECT_EQ(to_string(Tensor::full({1}, 1.0 / 3), {.precision = 2}), "[0.33]  f32 (1)");
}

TEST(Print, AnExponentIsOfAllElementsOrNone) {
  EXPECT_EQ(printed<double>({1e10, 1.5e-5}, {2}), "[1.0e+10 1.5e-05]  f64 (2)");
  EXPECT_EQ(printed<double>({1e8, -1}, {2}), "[ 1.e+08 -1.e+00]  f64 (2)");
  EXPECT_EQ(printed<double>({1000, 1}, {2}), "[1000.    1.]  f64 (2)");
  EXPECT_EQ(printed<double>({1001, 1}, {2}), "[1.001e+03 1.000e+00]  f64 (2)");
  EXPECT_EQ(printed<double>({0.0001, 0}, {2}), "[0.0001 0.    ]  f64 (2)");
  EXPECT_EQ(printed<double>({0.00009, 0}, {2}), "[9.e-05 0.e+00]  f64 (2)");
}

TEST(Print, WhatIsNotFiniteIsNamed) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(printed<double>({nan, inf, -inf, 1.5}, {4}), "[ nan  inf -inf  1.5]  f64 (4)");
  EXPECT_EQ(printed<float>({static_cast<float>(nan)}, {1}), "[nan]  f32 (1)");
}

TEST(Print, IntegersAreAlignedToTheRight) {
  EXPECT_EQ(printed<i64>({1, -20, 300}, {3}), "[  1 -20 300]  int64 (3)");
  EXPECT_EQ(printed<u8>({7, 255}, {2}), "[  7 255]  uint8 (2)");
  EXPECT_EQ(printed<i32>({7}, {1, 1}), "[[7]]  int32 (1, 1)");
}

TEST(Print, ScalarsAndEmptyTensors) {
  EXPECT_EQ(to_string(Tensor::full({}, 2.5)), "2.5  f32 ()");
  EXPECT_EQ(to_string(Tensor::zeros({0, 3})), "[]  f32 (0, 3)");
  EXPECT_EQ(to_string(Tensor()), "undefined tensor");
}

TEST(Print, MatricesOfAStackAreApart) {
  EXPECT_EQ(to_string(counting({2, 2, 2})),
            "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]  int64 (2, 2, 2)");
}

TEST(Print, LargeTensorsShowTheirEdges) {
  EXPECT_EQ(to_string(counting({1001})), "[   0    1    2 ...  998  999 1000]  int64 (1001)");
  EXPECT_EQ(to_string(counting({50, 30})), R"([[   0    1    2 ...   27   28   29]
 [  30   31   32 ...   57   58   59]
 [  60   61   62 ...   87   88   89]
 ...
 [1410 1411 1412 ... 1437 1438 1439]
 [1440 1441 1442 ... 1467 1468 1469]
 [1470 1471 1472 ... 1497 1498 1499]]  int64 (50, 30))");
  // A short axis is printed whole. Elements that are not printed do not widen the columns.
  Tensor tall = Tensor::zeros({600, 2});
  tall.slice(300, 301).fill(1e30);
  EXPECT_EQ(to_string(tall, {.edge_items = 1}), "[[0. 0.]\n ...\n [0. 0.]]  f32 (600, 2)");
}

TEST(Print, LongRowsAreBroken) {
  EXPECT_EQ(to_string(counting({30})),
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
            " 24 25 26 27 28 29]  int64 (30)");
}

TEST(Print, ByStreamAndByFmt) {
  std::ostringstream stream;
  stream << Tensor::zeros({2});
  EXPECT_EQ(stream.str(), "[0. 0.]  f32 (2)");
  EXPECT_EQ(fmt::format("x = {}", Tensor::zeros({2})), "x = [0. 0.]  f32 (2)");
}

}  // namespace
}  // namespace weft
