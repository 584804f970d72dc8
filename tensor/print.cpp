// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/print.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <ostream>

namespace weft {
namespace {

template <class T>
double as_double(T value) {
  return static_cast<double>(static_cast<Compute<T>>(value));
}

template <class T>
std::string fixed(T value, int digits) {
  return fmt::format("{:.{}f}", as_double(value), digits);
}
template <class T>
std::string scientific(T value, int digits) {
  return fmt::format("{:.{}e}", as_double(value), digits);
}

// Whether parsing the text in the element type gives `value`.
bool reads_back(const std::string& text, double value) {
  return std::strtod(text.c_str(), nullptr) == value;
}
bool reads_back(const std::string& text, float value) {
  return std::strtof(text.c_str(), nullptr) == value;
}
template <class Half>
bool reads_back(const std::string& text, Half value) {
  return static_cast<float>(Half(std::strtof(text.c_str(), nullptr))) == static_cast<float>(value);
}

// The fewest digits after the decimal point, up to `precision`, whose text parses to `value`.
template <class T, class Write>
int digits_of(T value, int precision, const Write& write) {
  int digits = 0;
  while (digits < precision && !reads_back(write(value, digits), value)) ++digits;
  return digits;
}

// The common format of the elements of a tensor that are shown. All have the same width. Usage:
// see() each element, then choose_format(), then text().
template <class T>
class Column {
 public:
  explicit Column(const PrintOptions& options) : options_(options) {}

  void see(T element) {
    if constexpr (std::is_integral_v<T>) {
      width_ = std::max(width_, fmt::format("{}", element).size());
    } else {
      const auto value = as_double(element);
      if (!std::isfinite(value)) {
        width_ = std::max(width_, fmt::format("{}", value).size());
        return;
      }
      seen_.push_back(element);
      if (value == 0) return;
      smallest_ = std::min(smallest_, std::abs(value));
      largest_ = std::max(largest_, std::abs(value));
    }
  }
  void choose_format() {
    if constexpr (!std::is_integral_v<T>) {
      exponents_ =
          largest_ > 0 && (largest_ >= 1e8 || smallest_ < 1e-4 || largest_ / smallest_ > 1000);
      const auto write = exponents_ ? scientific<T> : fixed<T>;
      for (const T element : seen_)
        digits_ = std::max(digits_, digits_of(element, options_.precision, write));
      for (const T element : seen_) width_ = std::max(width_, finite(element).size());
    }
  }
  std::string text(T element) const {
    std::string text;
    if constexpr (std::is_integral_v<T>) text = fmt::format("{}", element);
    else if (const auto value = as_double(element); !std::isfinite(value))
      text = fmt::format("{}", value);
    else text = finite(element);
    return fmt::format("{:>{}}", text, width_);
  }

 private:
  // As in NumPy, trailing zeros become blanks in fixed notation and are kept with an exponent.
  std::string finite(T element) const {
    if (exponents_) {
      std::string text = scientific(element, digits_);
      if (digits_ == 0) text.insert(text.find('e'), ".");
      return text;
    }
    std::string text = fixed(element, digits_) + (digits_ == 0 ? "." : "");
    for (std::size_t i = text.size(); text[i - 1] == '0'; --i) text[i - 1] = ' ';
    return text;
  }

  const PrintOptions& options_;
  std::vector<T> seen_;
  double smallest_ = std::numeric_limits<double>::infinity(), largest_ = 0;
  bool exponents_ = false;
  int digits_ = 0;
  std::size_t width_ = 0;
};

template <class T>
class Printer {
 public:
  Printer(const Tensor& host, const PrintOptions& options)
      : shape_(host.shape()),
        values_(host.values<T>()),
        options_(options),
        elided_(host.elements() > options.threshold),
        column_(options) {
    see(0, 0);
    column_.choose_format();
  }
  std::string text() const { return text(0, 0, options_.line_width); }

 private:
  static constexpr i64 kGap = -1;  // the place of the elements that are left out

  // The entries of an axis that are shown; kGap marks those left out.
  std::vector<i64> shown(int axis) const {
    const i64 size = shape_[axis], edge = options_.edge_items;
    std::vector<i64> entries;
    for (i64 i = 0; i < size; ++i) {
      if (elided_ && size > 2 * edge && i == edge) {
        entries.push_back(kGap);
        i = size - edge;
        if (edge == 0) break;
      }
      entries.push_back(i);
    }
    return entries;
  }
  void see(int axis, i64 offset) {
    if (axis == shape_.rank()) return column_.see(values_[static_cast<std::size_t>(offset)]);
    for (const i64 entry : shown(axis))
      if (entry != kGap) see(axis + 1, offset + entry * stride(axis));
  }
  i64 stride(int axis) const { return shape_.elements(axis + 1, shape_.rank()); }

  // The text of the entries below `axis`, in brackets. `width` is the width of a line minus the
  // closing brackets of the outer axes.
  std::string text(int axis, i64 offset, int width) const {
    if (axis == shape_.rank()) return column_.text(values_[static_cast<std::size_t>(offset)]);
    const std::string indent(static_cast<std::size_t>(axis) + 1, ' ');
    const int axes_left = shape_.rank() - axis;
    const std::string separator(static_cast<std::size_t>(axes_left - 1), '\n');
    std::string done, line;  // a long row of elements is broken into lines
    for (const i64 entry : shown(axis)) {
      const std::string word =
          entry == kGap ? "..." : text(axis + 1, offset + entry * stride(axis), width - 1);
      if (axes_left > 1) {
        if (!done.empty()) done += separator + indent;
        done += word;
        continue;
      }
      if (!line.empty() &&
          static_cast<int>(indent.size() + line.size() + 1 + word.size()) > width - 1) {
        line.erase(line.find_last_not_of(' ') + 1);
        done += line + "\n" + indent;
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    return "[" + done + line + "]";
  }

  const Shape& shape_;
  std::span<const T> values_;
  const PrintOptions& options_;
  bool elided_;
  Column<T> column_;
};

}  // namespace

std::string to_string(const Tensor& x, const PrintOptions& options) {
  if (!x.defined()) return "undefined tensor";
  const Tensor host = x.to(Device{Cpu{}});
  const std::string elements = x.elements() == 0 ? "[]" : visit_any(x.dtype(), [&]<class T>() {
    return Printer<T>(host, options).text();
  });
  return fmt::format("{}  {} {}", elements, x.dtype(), x.shape());
}

std::ostream& operator<<(std::ostream& stream, const Tensor& x) { return stream << to_string(x); }

}  // namespace weft
