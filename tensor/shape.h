// SPDX-License-Identifier: Apache-2.0
// Shape: the sizes of a tensor's axes, outermost first. The sizes are held inline, so making a
// shape allocates nothing.
#pragma once
#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <string>

#include <fmt/core.h>

#include "weft/core/types.h"

namespace weft {

class Shape {
 public:
  static constexpr int kMaxRank = 6;
  // A size that reshape() computes from the others. A shape may have one such size; a tensor has
  // none.
  static constexpr i64 kOpen = -1;

  Shape() = default;  // rank 0: a scalar, which has one element
  Shape(std::initializer_list<i64> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  // Throws UserError for more than kMaxRank axes, a negative size other than one kOpen, or a
  // product that exceeds i64.
  explicit Shape(std::span<const i64> sizes);

  int rank() const { return rank_; }
  // Negative axes count from the end: shape[-1] is the innermost size.
  i64 operator[](int axis) const { return sizes_[static_cast<std::size_t>(checked_axis(axis))]; }
  i64 elements() const { return elements_; }  // kOpen if a size is kOpen
  // The product of the sizes of axes [begin, end).
  i64 elements(int begin, int end) const;
  // Converts an axis that may count from the end to one in [0, rank). Throws UserError if it is out
  // of range.
  int checked_axis(int axis) const;

  // Returns this shape with the size kOpen, if there is one, computed so that it holds the elements
  // of `of`. Throws UserError unless these are a multiple of the product of the other sizes.
  Shape completed(const Shape& of) const;
  Shape with(int axis, i64 size) const;      // replaces one size
  Shape without(int axis) const;             // removes one axis
  Shape inserted(int axis, i64 size) const;  // adds an axis before `axis`

  const i64* begin() const { return sizes_.data(); }
  const i64* end() const { return sizes_.data() + rank_; }
  friend bool operator==(const Shape& a, const Shape& b);

  std::string to_string() const;  // "(32, 784)"

 private:
  std::array<i64, kMaxRank> sizes_{};
  int rank_ = 0;
  i64 elements_ = 1;
};

// The shape to which a and b broadcast by NumPy's rule: sizes are equal or 1, aligned at the
// innermost axis. Throws UserError that names `op` and both shapes.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

}  // namespace weft

template <>
struct fmt::formatter<weft::Shape> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const weft::Shape& shape, fmt::format_context& context) const {
    const auto text = shape.to_string();
    return std::copy(text.begin(), text.end(), context.out());
  }
};
