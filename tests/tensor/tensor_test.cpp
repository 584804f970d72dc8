// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/tensor.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "weft/testing/compare.h"

namespace weft {
namespace {

Tensor counted(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::copy_of(values, shape);
}
template <class F>
std::string error_of(const F& call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Tensor, CopiesShareTheirElements) {
  const Tensor x = Tensor::zeros({2, 3});
  Tensor y;
  y = x;
  y.fill(7);
  EXPECT_EQ(x.to_vector<float>(), std::vector<float>(6, 7.0f));
  EXPECT_TRUE(x.shares_storage_with(y));
  EXPECT_FALSE(x.storage_is_unique());
  const Tensor z = x.clone();
  fill_with_zeros(z);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(6, 7.0f));
  EXPECT_TRUE(z.storage_is_unique());
}

TEST(Tensor, ViewsAreRangesOfTheStorage) {
  const Tensor x = counted({4, 3});
  EXPECT_EQ(x.slice(1, 3).to_vector<float>(), (std::vector<float>{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(x.slice(1, 3).shape(), (Shape{2, 3}));
  EXPECT_EQ(x.slice(2, 2).elements(), 0);
  EXPECT_EQ(x.range(5, {2, 2}).to_vector<float>(), (std::vector<float>{5, 6, 7, 8}));
  EXPECT_EQ(x.reshape({2, -1}).shape(), (Shape{2, 6}));
  const Shape open{-1, 2};
  EXPECT_EQ(x.reshape(open).shape(), (Shape{6, 2}));
  x.slice(0, 1).fill(-1);
  EXPECT_EQ(x.reshape({12}).slice(2, 4).to_vector<float>(), (std::vector<float>{-1, 3}));
}

TEST(Tensor, IsNotMadeOfAShapeThatReshapeHasYetToComplete) {
  const Shape open{2, -1};
  EXPECT_EQ(
      error_of([&] { Tensor::zeros(open); }),
      "Tensor::empty: shape (2, -1) given; a size of -1 is for reshape(), which knows the others");
  EXPECT_THROW(Tensor::copy_of(std::vector<float>{1, 2}, open), UserError);
  EXPECT_THROW(counted({4}).range(0, open), UserError);
}

TEST(Tensor, ViewsAreChecked) {
  const Tensor x = counted({4, 3});
  EXPECT_NE(error_of([&] { x.slice(1, 5); }).find("entries 1..5 of shape (4, 3)"),
            std::string::npos);
  EXPECT_NE(error_of([&] { x.slice(-1, 2); }).find("slice"), std::string::npos);
  EXPECT_NE(error_of([&] { x.slice(3, 2); }).find("slice"), std::string::npos);
  EXPECT_NE(error_of([&] { Tensor::zeros({}).slice(0, 0); }).find("slice"), std::string::npos);
  EXPECT_NE(error_of([&] { x.range(8, {5}); }).find("elements 8..13"), std::string::npos);
  EXPECT_NE(error_of([&] {
              x.reshape({5, 2});
            }).find("(4, 3) has 12 elements and (5, 2) has 10"),
            std::string::npos);
}

TEST(Tensor, MemoryOfTheCallersIsUsedAndKeptAlive) {
  auto owner = std::make_shared<std::vector<double>>(std::vector<double>{1, 2, 3, 4});
  const std::weak_ptr<std::vector<double>> alive = owner;
  Tensor x = Tensor::view_of(std::span(*owner), {2, 2}, owner);
  x.fill(5);
  EXPECT_EQ((*owner)[3], 5);
  owner.reset();
  Tensor part = x.slice(1, 2);
  x = Tensor();
  EXPECT_FALSE(alive.expired());
  EXPECT_EQ(part.to_vector<double>(), (std::vector<double>{5, 5}));
  part = Tensor();
  EXPECT_TRUE(alive.expired());
}

TEST(Tensor, CountsOfValuesAreChecked) {
  EXPECT_EQ(error_of([] {
              Tensor::copy_of<float>(std::vector<float>{1, 2, 3}, {2, 2});
            }),
            "Tensor::copy_of: 3 values for shape (2, 2); 4 are required");
}

TEST(Tensor, HostAccessIsChecked) {
  const Tensor x = Tensor::zeros({2});
  EXPECT_NE(error_of([&] { x.values<double>(); }).find("f64 asked of a tensor of f32"),
            std::string::npos);
  EXPECT_NE(error_of([] { Tensor().values<float>(); }).find("is undefined"), std::string::npos);
  EXPECT_NE(error_of([] { Tensor().device(); }).find("is undefined"), std::string::npos);
  EXPECT_NE(error_of([&] { x.item<float>(); }).find("exactly one element is required"),
            std::string::npos);
  EXPECT_EQ(Tensor::full({1, 1}, 2.5).item<double>(), 2.5);
  EXPECT_EQ(Tensor::full({}, 7, DType::int64).item<float>(), 7.0f);
}

TEST(Tensor, ConvertsBetweenAllDtypes) {
  const DType all[] = {DType::f32,   DType::f64,   DType::f16,  DType::bf16,
                       DType::int64, DType::int32, DType::uint8};
  for (const DType from : all)
    for (const DType to : all) {
      const Tensor x = Tensor::full({3}, 42, from);
      EXPECT_EQ(x.to(to).dtype(), to);
      EXPECT_EQ(x.to(to).slice(2, 3).item<double>(), 42) << name_of(from) << " to " << name_of(to);
    }
  const Tensor x = Tensor::zeros({3});
  EXPECT_TRUE(x.to(DType::f32).shares_storage_with(x));
  EXPECT_EQ(Tensor::full({}, -2.75).to(DType::int32).item<i32>(), -2);
}

TEST(Tensor, ConvertsWhatAnIntegerDoesNotHoldToTheNearest) {
  const auto each = [](auto of) {
    using From = decltype(of);
    const std::vector<From> x{static_cast<From>(NAN),
                              static_cast<From>(1e30),
                              static_cast<From>(-1e30),
                              static_cast<From>(INFINITY),
                              static_cast<From>(-INFINITY),
                              From{300},
                              From{-0.5},
                              From{254.75}};
    const Tensor given = Tensor::copy_of(x, {std::ssize(x)});
    constexpr i64 kLow = std::numeric_limits<i64>::min(), kHigh = std::numeric_limits<i64>::max();
    constexpr i32 kLow32 = std::numeric_limits<i32>::min(),
                  kHigh32 = std::numeric_limits<i32>::max();
    EXPECT_EQ(given.to(DType::int64).template to_vector<i64>(),
              (std::vector<i64>{0, kHigh, kLow, kHigh, kLow, 300, 0, 254}));
    EXPECT_EQ(given.to(DType::int32).template to_vector<i32>(),
              (std::vector<i32>{0, kHigh32, kLow32, kHigh32, kLow32, 300, 0, 254}));
    EXPECT_EQ(given.to(DType::uint8).template to_vector<u8>(),
              (std::vector<u8>{0, 255, 0, 255, 0, 255, 0, 254}));
  };
  each(float{});
  each(double{});
  EXPECT_EQ(Tensor::full({}, NAN, DType::f16).item<i64>(), 0);
  EXPECT_EQ(Tensor::full({}, -0x1p63, DType::f64).item<i64>(), std::numeric_limits<i64>::min());
  EXPECT_EQ(Tensor::full({}, 0x1p63 - 1024, DType::f64).item<i64>(), i64{0x7ffffffffffffc00});
}

// 1 + 2^-11 lies halfway between two halves, and 1 + 2^-8 between two of bf16. A double just above
// is rounded up, although it is 1 + 2^-11 as a float.
TEST(Tensor, ConvertsADoubleToAHalfTypeWithOneRounding) {
  const auto half_of = [](double x, DType dtype) {
    return Tensor::full({}, x, DType::f64).to(dtype).item<double>();
  };
  for (const double sign : {1.0, -1.0}) {
    EXPECT_EQ(half_of(sign * (1.00048828125 + 1e-12), DType::f16), sign * 1.0009765625);
    EXPECT_EQ(half_of(sign * 1.00048828125, DType::f16), sign);
    EXPECT_EQ(half_of(sign * (1.00048828125 - 1e-12), DType::f16), sign);
    EXPECT_EQ(half_of(sign * (1.00390625 + 1e-12), DType::bf16), sign * 1.0078125);
    EXPECT_EQ(half_of(sign * 1e300, DType::f16), sign * INFINITY);
    EXPECT_EQ(half_of(sign * 1e-300, DType::f16), 0);
    EXPECT_EQ(half_of(sign * (0x1p-25 + 1e-20), DType::f16), sign * 0x1p-24);  // of two subnormal
    EXPECT_EQ(half_of(sign * INFINITY, DType::bf16), sign * INFINITY);
    EXPECT_EQ(Tensor::full({}, sign * (1.00048828125 + 1e-12), DType::f16).item<double>(),
              sign * 1.0009765625);
  }
  EXPECT_TRUE(std::isnan(half_of(NAN, DType::bf16)));
}

TEST(Tensor, CopiesAreChecked) {
  EXPECT_NE(error_of([] {
              Tensor::zeros({2}).copy_from(Tensor::zeros({3}));
            }).find("shape and dtype must be equal"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              Tensor::zeros({2}).copy_from(Tensor::zeros({2}, DType::f64));
            }).find("copy_from"),
            std::string::npos);
}

TEST(Tensor, EmptyOnesHaveNoElementsAndNoMemory) {
  const Tensor x = Tensor::empty({0, 3});
  EXPECT_TRUE(x.defined());
  EXPECT_EQ(x.elements(), 0);
  EXPECT_TRUE(x.to_vector<float>().empty());
  EXPECT_EQ(x.to(DType::f64).shape(), (Shape{0, 3}));
  EXPECT_EQ(x.clone().shape(), (Shape{0, 3}));
  EXPECT_FALSE(Tensor().defined());
}

}  // namespace
}  // namespace weft
