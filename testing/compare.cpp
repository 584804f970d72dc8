// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace weft::testing {
namespace {

// The typical size counts only elements that are finite and not close to overflow, because a few
// huge elements must not hide errors of the others.
double typical_size(const std::vector<double>& values) {
  double squares = 0;
  i64 count = 0;
  for (const double value : values) {
    if (!(std::abs(value) < 1e8)) continue;
    squares += value * value;
    ++count;
  }
  return count == 0 ? 0.0 : std::max(0.01, std::sqrt(squares / static_cast<double>(count)));
}

// Values this close to the limit of f32 are compared by sign only, because an intermediate result
// may have overflowed.
bool both_overflow(double a, double e, DType dtype) {
  return dtype == DType::f32 && std::abs(e) > 1e36 && std::abs(a) > 1e36 && (a < 0) == (e < 0);
}

}  // namespace

std::string index_text(const Shape& shape, i64 element) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text.insert(0, std::to_string(element % shape[axis]) + (text.empty() ? "" : ", "));
    element /= shape[axis];
  }
  return "[" + text + "]";
}

std::string difference(const Tensor& actual, const Tensor& expected, double tolerance) {
  if (actual.shape() != expected.shape())
    return fmt::format("the shape is {}; {} is expected", actual.shape(), expected.shape());
  const std::vector<double> a = actual.to(DType::f64).to_vector<double>();
  const std::vector<double> e = expected.to(actual.dtype()).to(DType::f64).to_vector<double>();
  const double typical = typical_size(e);
  std::size_t worst = 0;
  double worst_excess = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) continue;
    if (both_overflow(a[i], e[i], actual.dtype())) continue;
    const double off = std::abs(a[i] - e[i]), allowed = tolerance * (std::abs(e[i]) + typical);
    const double excess = std::isfinite(off) ? off / allowed : INFINITY;
    if (!(excess <= 1) && !(excess <= worst_excess)) {
      worst = i;
      worst_excess = excess;
    }
  }
  if (worst_excess == 0) return "";
  return fmt::format("element {} of {} {} is {}; {} is expected, to {:.2g}",
                     index_text(actual.shape(), static_cast<i64>(worst)), actual.dtype(),
                     actual.shape(), a[worst], e[worst],
                     tolerance * (std::abs(e[worst]) + typical));
}

std::string difference_in_bytes(const Tensor& actual, const Tensor& expected) {
  if (actual.shape() != expected.shape() || actual.dtype() != expected.dtype())
    return fmt::format("it is {} {}; {} {} is expected", actual.dtype(), actual.shape(),
                       expected.dtype(), expected.shape());
  if (bytes_of(actual) == 0 ||
      std::memcmp(actual.raw(), expected.raw(), static_cast<std::size_t>(bytes_of(actual))) == 0)
    return "";
  const i64 size = bytes_of(actual.dtype());
  for (i64 i = 0; i < actual.elements(); ++i) {
    if (std::memcmp(actual.data<char>() + i * size, expected.data<char>() + i * size,
                    static_cast<std::size_t>(size)) == 0)
      continue;
    const auto number = [i](const Tensor& x) {
      return x.reshape({-1}).slice(i, i + 1).item<double>();
    };
    return fmt::format("element {} of {} is {}; the same bytes as {} are expected",
                       index_text(actual.shape(), i), actual.shape(), number(actual),
                       number(expected));
  }
  return "";
}

}  // namespace weft::testing
