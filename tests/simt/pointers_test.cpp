// SPDX-License-Identifier: Apache-2.0
#include "weft/device/emulated/pointers.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "weft/kernels/common/views.h"

namespace weft::detail {
namespace {

template <class V>
std::vector<const void*> pointers_in(const V& argument) {
  std::vector<const void*> found;
  each_pointer(argument, [&](const void* pointer) { found.push_back(pointer); });
  return found;
}

using Pointers = std::vector<const void*>;

TEST(EachPointer, OfAnArgumentAndOfStructsOfScalars) {
  float a = 0, b = 0;
  enum class Mode { one, two };
  struct Group {
    double number;
    const float* first;
    bool flag;
    float* second;
    Mode mode;
  };
  struct Nested {
    kernels::Rows<float> rows;
    std::array<i64, 2> sizes;
    kernels::Span<const float> span;
  };
  EXPECT_EQ(pointers_in(&a), (Pointers{&a}));
  EXPECT_EQ(pointers_in(kernels::Rows<float>{&a, 2, 3}), (Pointers{&a}));
  EXPECT_EQ(pointers_in(Group{1.5, &a, true, &b, Mode::two}), (Pointers{&a, &b}));
  EXPECT_EQ(pointers_in(Nested{{&b, 1, 2}, {3, 4}, {&a, 5}}), (Pointers{&b, &a}));
}

TEST(EachPointer, NoneWhereThereIsNoneOrPlacesAreNotKnown) {
  float a = 0;
  struct Packed {
    int x, y;
    float* hidden;
  };
  EXPECT_EQ(pointers_in(i64{7}), Pointers{});
  EXPECT_EQ(pointers_in(std::array<i64, 3>{1, 2, 3}), Pointers{});
  EXPECT_EQ(pointers_in(Packed{1, 2, &a}), Pointers{});
}

}  // namespace
}  // namespace weft::detail
