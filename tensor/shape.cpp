// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/shape.h"

#include <algorithm>
#include <utility>

#include "weft/core/error.h"

namespace weft {

Shape::Shape(std::span<const i64> sizes) {
  WEFT_CHECK(sizes.size() <= kMaxRank, "shape: {} axes given; at most {} are supported",
             sizes.size(), kMaxRank);
  bool open = false;
  for (const i64 size : sizes) {
    if (size == kOpen) {
      WEFT_CHECK(!std::exchange(open, true),
                 "reshape: two sizes of -1 given; at most one is allowed");
      sizes_[static_cast<std::size_t>(rank_++)] = kOpen;
      continue;
    }
    WEFT_CHECK(size >= 0, "shape: size {} on axis {}; sizes must not be negative", size, rank_);
    WEFT_CHECK(!__builtin_mul_overflow(elements_, size, &elements_),
               "shape: the number of elements exceeds 2^63 at axis {}", rank_);
    sizes_[static_cast<std::size_t>(rank_++)] = size;
  }
  if (open) elements_ = kOpen;
}

Shape Shape::completed(const Shape& of) const {
  if (elements_ != kOpen) return *this;
  i64 known = 1;
  int open = 0;
  for (int axis = 0; axis < rank_; ++axis) {
    const i64 size = sizes_[static_cast<std::size_t>(axis)];
    if (size == kOpen) open = axis;
    else known *= size;
  }
  WEFT_CHECK(known > 0 && of.elements() % known == 0,
             "reshape: {} has {} elements; they must be a multiple of {} to fill the size of -1",
             of, of.elements(), known);
  return with(open, of.elements() / known);
}

i64 Shape::elements(int begin, int end) const {
  i64 product = 1;
  for (int axis = begin; axis < end; ++axis) product *= sizes_[static_cast<std::size_t>(axis)];
  return product;
}

int Shape::checked_axis(int axis) const {
  WEFT_CHECK(rank_ > 0, "shape: axis {} of a scalar; a tensor with axes is required", axis);
  const int positive = axis < 0 ? axis + rank_ : axis;
  WEFT_CHECK(positive >= 0 && positive < rank_, "shape: axis {} of shape {}; axes go from {} to {}",
             axis, to_string(), -rank_, rank_ - 1);
  return positive;
}

Shape Shape::with(int axis, i64 size) const {
  std::array<i64, kMaxRank> sizes = sizes_;
  sizes[static_cast<std::size_t>(checked_axis(axis))] = size;
  return Shape(std::span<const i64>(sizes.data(), static_cast<std::size_t>(rank_)));
}

Shape Shape::without(int axis) const {
  std::array<i64, kMaxRank> sizes = sizes_;
  const auto position = sizes.begin() + checked_axis(axis);
  std::copy(position + 1, sizes.begin() + rank_, position);
  return Shape(std::span<const i64>(sizes.data(), static_cast<std::size_t>(rank_ - 1)));
}

Shape Shape::inserted(int axis, i64 size) const {
  WEFT_CHECK(
      axis >= 0 && axis <= rank_ && rank_ < kMaxRank,
      "shape: an axis inserted at {} into {}; the place must be in 0..{} and the rank below {}",
      axis, to_string(), rank_, kMaxRank);
  std::array<i64, kMaxRank> sizes = sizes_;
  std::copy_backward(sizes.begin() + axis, sizes.begin() + rank_, sizes.begin() + rank_ + 1);
  sizes[static_cast<std::size_t>(axis)] = size;
  return Shape(std::span<const i64>(sizes.data(), static_cast<std::size_t>(rank_ + 1)));
}

bool operator==(const Shape& a, const Shape& b) {
  if (a.rank_ != b.rank_ || a.elements_ != b.elements_) return false;
  // std::equal would call memcmp, which takes longer for so few sizes.
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(a.rank_); ++axis)
    if (a.sizes_[axis] != b.sizes_[axis]) return false;
  return true;
}

std::string Shape::to_string() const {
  std::string text = "(";
  for (int axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(sizes_[static_cast<std::size_t>(axis)]);
  }
  return text + ")";
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  for (int back = -1; back >= -shorter.rank(); --back) {
    const i64 x = longer[back], y = shorter[back];
    WEFT_CHECK(
        x == y || x == 1 || y == 1,
        "{}: a is {} and b is {}; sizes must be equal or 1 on each axis, counted from the last", op,
        a, b);
    if (x != y) result = result.with(back, x == 1 ? y : x);
  }
  return result;
}

}  // namespace weft
