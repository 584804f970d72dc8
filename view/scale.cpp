// SPDX-License-Identifier: Apache-2.0
#include "weft/view/scale.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace weft::view {
namespace {

constexpr double kMost = 1e300;  // so that the difference of two values is finite

// The round number 1, 2 or 5 · 10^k that cuts a range in at most about `most` parts.
double round_step(double range, int most) {
  const double raw = range / std::max(1, most), power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * power * 1.0000001) return factor * power;
  return 10 * power;
}

std::string without_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

// "2e-5", "1.5e-5", with the digits that `step` needs.
std::string scientific(double value, double step) {
  if (value == 0) return "0";
  const double exponent = std::floor(std::log10(std::fabs(value)) + 1e-9);
  const int digits =
      std::clamp(static_cast<int>(exponent - std::floor(std::log10(step) + 1e-9)), 0, 6);
  return fmt::format("{}e{}",
                     without_zeros(fmt::format("{:.{}f}", value / std::pow(10, exponent), digits)),
                     static_cast<int>(exponent));
}

std::string tick_text(double value, double step, double largest) {
  if (largest >= 1e9 || step < 0.9e-4) return scientific(value, step);
  if (largest >= 1e6 && step >= 1e4)
    return value == 0 ? "0" : without_zeros(fmt::format("{:.2f}", value / 1e6)) + "M";
  if (largest >= 1e4 && step >= 10)
    return value == 0 ? "0" : without_zeros(fmt::format("{:.2f}", value / 1e3)) + "k";
  const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value == 0 ? 0.0 : value, digits);
}

std::string power_text(int factor, int power) {
  if (power < -4 || power > 4) return fmt::format("{}e{}", factor, power);
  return without_zeros(fmt::format("{:.4f}", factor * std::pow(10, power)));
}

void put_ticks(Axis& axis, double step) {
  const double first = std::ceil(axis.low / step - 1e-6),
               last = std::floor(axis.high / step + 1e-6);
  const double largest = std::max(std::fabs(axis.low), std::fabs(axis.high));
  for (double at = first; at <= last && axis.ticks.size() < 50; ++at) {
    axis.ticks.push_back(at * step);
    axis.texts.push_back(tick_text(at * step, step, largest));
  }
}

}  // namespace

double Axis::share_of(double value) const {
  if (!logarithmic) return (std::clamp(value, -kMost, kMost) - low) / (high - low);
  return std::log(std::max(value, low * 1e-3) / low) / std::log(high / low);
}

Axis linear_axis(double low, double high, int most, bool at_ticks) {
  low = std::clamp(low, -kMost, kMost);
  high = std::clamp(high, -kMost, kMost);
  if (high - low < std::max(std::fabs(low), std::fabs(high)) * 1e-9 || low == high) {
    const double room = low == 0 ? 1 : std::fabs(low) * 0.1;
    low -= low == 0 ? 0 : room;
    high += room;
  }
  const double step = round_step(high - low, most);
  Axis axis{low, high};
  if (at_ticks) axis = {std::floor(low / step + 1e-6) * step, std::ceil(high / step - 1e-6) * step};
  put_ticks(axis, step);
  return axis;
}

Axis logarithmic_axis(double low, double high, int most) {
  if (std::log10(high / low) < 0.5) {  // too short for powers of ten
    Axis axis = linear_axis(low, high, most);
    if (axis.low <= 0) axis = linear_axis(low, high, most, false);
    axis.logarithmic = axis.low > 0 && axis.low < axis.high;
    return axis;
  }
  const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  // A short axis also has 2 and 5 times the powers of ten, and may begin and end there.
  const bool is_short = 3 * (last - first) <= most + 2;
  const int stride = std::max(1, (last - first + most - 1) / std::max(1, most));
  Axis axis{low, high, true};
  for (int power = first; power <= last; power += stride)
    for (const int factor : {1, 2, 5}) {
      const double tick = factor * std::pow(10, power), next = tick * (factor == 2 ? 2.5 : 2);
      if (factor > 1 && !is_short) break;
      if (is_short && next <= low * 1.0000001) continue;
      if (!axis.ticks.empty() && axis.ticks.back() >= high * 0.9999999) continue;
      axis.ticks.push_back(tick);
      axis.texts.push_back(power_text(factor, power));
    }
  axis.low = axis.ticks.front();
  axis.high = std::max(axis.ticks.back(), high);
  return axis;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinite" : "-infinite";
  if (std::fabs(value) < 1e4 || std::fabs(value) >= 1e15) return fmt::format("{:.4g}", value);
  std::string digits = fmt::format("{:.0f}", std::fabs(value));
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return (value < 0 ? "-" : "") + digits;
}

std::string counted(i64 count, std::string_view what) {
  return fmt::format("{} {}{}", number_text(static_cast<double>(count)), what,
                     count == 1 ? "" : "s");
}

std::string bytes_text(double bytes) {
  constexpr double kilo = 1000;
  if (bytes < kilo) return fmt::format("{:.0f} bytes", bytes);
  for (const char* unit : {"kB", "MB", "GB"}) {
    bytes /= kilo;
    if (bytes < kilo) return fmt::format("{:.3g} {}", bytes, unit);
  }
  return fmt::format("{:.4g} TB", bytes / kilo);
}

std::string seconds_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "unknown";
  if (seconds < 100) return fmt::format("{:.3g} s", seconds);
  const long long whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace weft::view
