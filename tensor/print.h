// SPDX-License-Identifier: Apache-2.0
// A tensor as text in NumPy's format, followed by dtype and shape:
//
//   std::cout << x;  fmt::print("{}\n", x);
//
//   [[ 1.    0.25]
//    [-3.    nan ]]  f32 (2, 2)
//
// Columns are aligned. Floating elements have as many digits as distinguish them in their type,
// with at most `precision` after the decimal point. All elements are written with an exponent if
// the largest is at least 1e8 or more than 1000 times the smallest, or if the smallest is below
// 1e-4. (Largest and smallest are by absolute value, without zeros.) A tensor of more than
// `threshold` elements shows only the first and last `edge_items` entries of each axis. Printing
// waits for the device.
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
