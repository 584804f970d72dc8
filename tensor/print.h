// SPDX-License-Identifier: Apache-2.0
// A tensor as text, in NumPy's format, with dtype and shape behind it:
//
//   std::cout << x;  fmt::print("{}\n", x);
//
//   [[ 1.    0.25]
//    [-3.    nan ]]  f32 (2, 2)
//
// Columns are aligned. Floating elements have as many digits as tell them apart in their type, up
// to `precision` behind the point, and an exponent, in all elements together, where one of them is
// at least 1e8 or below 1e-4 or the largest is more than 1000 times the smallest. Of a tensor of
// more than `threshold` elements each axis shows its first and last `edge_items`. Waits for the
// device.
#pragma once
#include <iosfwd>
#include <string>

#include "weft/tensor/tensor.h"

namespace weft {

struct PrintOptions {
  i64 threshold = 1000;
  i64 edge_items = 3;
  int precision = 8;
  int line_width = 75;
};

std::string to_string(const Tensor& x, const PrintOptions& options = {});
std::ostream& operator<<(std::ostream& stream, const Tensor& x);

}  // namespace weft

template <>
struct fmt::formatter<weft::Tensor> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(const weft::Tensor& x, fmt::format_context& context) const {
    const auto text = weft::to_string(x);
    return std::copy(text.begin(), text.end(), context.out());
  }
};
