// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor mask_like_0(const testing::Draw& draw) {
  return draw.integers(draw.before[0].shape(), 3).to(DType::uint8);
}
Tensor mask_of_rows(const testing::Draw& draw) {
  return draw.integers({draw.size.rows, 1}, 2).to(DType::uint8);
}
Tensor mask_of_columns(const testing::Draw& draw) {
  return draw.integers({draw.size.cols}, 2).to(DType::uint8);
}

WEFT_OP_ROW(where, {.inputs = {matrix, testing::like(0), mask_like_0},
                    .op = [](auto& a) { return where(a[2].value(), a[0], a[1]); },
                    .reference =
                        [](auto& a) {
                          Tensor y = a[1].value().clone();
                          for (i64 i = 0; i < y.elements(); ++i)
                            if (a[2].value().template data<u8>()[i] != 0)
                              y.data<double>()[i] = a[0].value().template data<double>()[i];
                          return Variable(y);
                        },
                    .errors = {{[] {
                                  where(Tensor::zeros({2}), Variable(Tensor::zeros({2})),
                                        Variable(Tensor::zeros({2})));
                                },
                                "the condition is f32; uint8 is required"},
                               {[] {
                                  where(Tensor::zeros({2}, DType::uint8),
                                        Variable(Tensor::zeros({2})),
                                        Variable(Tensor::zeros({2}, DType::f64)));
                                },
                                "inputs of f32 and f64; one dtype is required"},
                               {[] {
                                  where(Tensor::zeros({3}, DType::uint8),
                                        Variable(Tensor::zeros({2})), Variable(Tensor::zeros({2})));
                                },
                                "the condition is (3) and the values are (2)"}}});
// Each of the three is repeated along another axis.
WEFT_OP_ROW(where, {.variant = "broadcast",
                    .inputs = {testing::vector,
                               [](const testing::Draw& draw) {
                                 return draw.normal({2, 1, draw.size.cols});
                               },
                               mask_of_rows},
                    .op = [](auto& a) { return where(a[2].value(), a[0], a[1]); },
                    .reference =
                        [](auto& a) {
                          const i64 rows = a[2].shape()[0], cols = a[0].shape()[0];
                          Tensor y = Tensor::empty({2, rows, cols}, DType::f64);
                          for (i64 k = 0; k < 2; ++k)
                            for (i64 r = 0; r < rows; ++r)
                              for (i64 c = 0; c < cols; ++c)
                                y.data<double>()[(k * rows + r) * cols + c] =
                                    a[2].value().template data<u8>()[r] != 0
                                        ? a[0].value().template data<double>()[c]
                                        : a[1].value().template data<double>()[k * cols + c];
                          return Variable(y);
                        }});
WEFT_OP_ROW(
    masked_fill,
    {.inputs = {matrix, mask_of_columns},
     .op = [](auto& a) { return masked_fill(a[0], a[1].value(), -2.5); },
     .reference =
         [](auto& a) {
           Tensor y = a[0].value().clone();
           const i64 cols = y.size(1);
           for (i64 i = 0; i < y.elements(); ++i)
             if (a[1].value().template data<u8>()[i % cols] != 0) y.data<double>()[i] = -2.5;
           return Variable(y);
         },
     .errors =
         {{[] {
             masked_fill(Variable(Tensor::zeros({2})), Tensor::zeros({3, 2}, DType::uint8), 0);
           },
           "x is (2) and the mask (3, 2); the mask must broadcast to x"},
          {[] { masked_fill(Variable(Tensor::zeros({2})), Tensor::zeros({2}), 0); },
           "the mask is f32; uint8 is required"}}});

// What the mask hides has no influence, not even as NaN.
TEST(MaskedFill, RefusesAValueThatTheTypeDoesNotHold) {
  const Tensor numbers = arange(0, 3), mask = Tensor::full({3}, 1, DType::uint8);
  for (const double value : {0.5, static_cast<double>(NAN), 1e30, 0x1p63})
    EXPECT_THROW(masked_fill(numbers, mask, value), UserError) << value;
  for (const double value : {-1.0, 256.0, 0.5})
    EXPECT_THROW(pad(numbers.to(DType::uint8), 0, 1, 0, value), UserError) << value;
  EXPECT_EQ(masked_fill(numbers, mask, -0x1p63).to_vector<i64>()[0],
            std::numeric_limits<i64>::min());
  EXPECT_THROW(arange(254, 258, DType::uint8), UserError);
  EXPECT_EQ(arange(254, 256, DType::uint8).to_vector<u8>(), (std::vector<u8>{254, 255}));
  EXPECT_THROW(arange(std::numeric_limits<i64>::min(), std::numeric_limits<i64>::max()), UserError);
}

TEST(MaskedFill, HidesNaN) {
  const Variable x =
      Variable::leaf(Tensor::copy_of(std::vector<float>{1, static_cast<float>(NAN), 3}, {3}));
  const Tensor mask = ne(x.value(), x.value());
  sum(log(masked_fill(x, mask, 1.0))).backward();
  EXPECT_EQ(x.grad().to_vector<float>()[1], 0.0f);
  EXPECT_FLOAT_EQ(x.grad().to_vector<float>()[2], 1.0f / 3);
}

std::vector<u8> compared_with(double value, Tensor (*op)(const Tensor&, double)) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return op(Tensor::copy_of(std::vector<float>{1, 2, 3, nan}, {4}), value).to_vector<u8>();
}

TEST(Compare, NaNIsUnequalToEverything) {
  using Bytes = std::vector<u8>;
  EXPECT_EQ(compared_with(2, eq), (Bytes{0, 1, 0, 0}));
  EXPECT_EQ(compared_with(2, ne), (Bytes{1, 0, 1, 1}));
  EXPECT_EQ(compared_with(2, lt), (Bytes{1, 0, 0, 0}));
  EXPECT_EQ(compared_with(2, le), (Bytes{1, 1, 0, 0}));
  EXPECT_EQ(compared_with(2, gt), (Bytes{0, 0, 1, 0}));
  EXPECT_EQ(compared_with(2, ge), (Bytes{0, 1, 1, 0}));
  EXPECT_EQ(compared_with(kInfinity, lt), (Bytes{1, 1, 1, 0}));
}

// A number that is no value of the integers' type is compared as a number.
TEST(Compare, IntegersWithAnyNumber) {
  using Op = Tensor (*)(const Tensor&, double);
  const std::vector<std::pair<Op, bool (*)(double, double)>> ops{{eq, [](double a, double b) { return a == b; }},
                                                                 {ne, [](double a, double b) { return a != b; }},
                                                                 {lt, [](double a, double b) { return a < b; }},
                                                                 {le, [](double a, double b) { return a <= b; }},
                                                                 {gt, [](double a, double b) { return a > b; }},
                                                                 {ge, [](double a, double b) { return a >= b; }}};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::uint8, DType::int32, DType::int64}) {
    std::vector<i64> values{0, 1, 255};
    if (dtype != DType::uint8) values.insert(values.end(), {-1, -1'000'000, i64{1} << 30});
    if (dtype == DType::int64) values.push_back(i64{1} << 52);
    const Tensor x = Tensor::copy_of(values, {std::ssize(values)}).to(dtype);
    for (const double b : {-kInfinity, -1e30, -1e6, -1.0, -0.5, 0.0, 0.5, 1.5, 254.5, 255.0, 255.5,
                           256.0, 0x1p30, 0x1p31, 0x1p52, 0x1p63, 1e30, kInfinity, nan})
      for (std::size_t k = 0; k < ops.size(); ++k) {
        const std::vector<u8> seen = ops[k].first(x, b).to_vector<u8>();
        for (std::size_t i = 0; i < values.size(); ++i)
          EXPECT_EQ(seen[i] != 0, ops[k].second(static_cast<double>(values[i]), b))
              << name_of(dtype) << " " << values[i] << ", " << b << ", op " << k;
      }
  }
}

TEST(Compare, BroadcastsAndTakesIntegers) {
  const Tensor column = arange(0, 3).reshape({3, 1}), row = arange(0, 3);
  const Tensor causal = le(row, column);  // position j may look at i ≤ j
  EXPECT_EQ(causal.dtype(), DType::uint8);
  EXPECT_EQ(causal.to_vector<u8>(), (std::vector<u8>{1, 0, 0, 1, 1, 0, 1, 1, 1}));
  EXPECT_EQ(gt(row, column).to_vector<u8>(), (std::vector<u8>{0, 1, 1, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(ge(row.to(DType::int32), 1).to_vector<u8>(), (std::vector<u8>{0, 1, 1}));
  EXPECT_EQ(eq(row.to(DType::uint8), 2).to_vector<u8>(), (std::vector<u8>{0, 0, 1}));
  EXPECT_THROW(eq(row, Tensor::zeros({3})), UserError);
  EXPECT_THROW(eq(row, arange(0, 4)), UserError);
}

}  // namespace
}  // namespace weft
