// SPDX-License-Identifier: Apache-2.0
// What the losses of a range test say (Note [The range test]).
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "weft/core/counted.h"
#include "weft/train/run/lr_curve.h"

namespace weft::train {
namespace {

// A line through few points follows their noise.
constexpr std::size_t kFewestPoints = 10;

// The line through the losses around a point.
struct LocalLine {
  double value = 0, slope = 0;  // at the point; the slope is for a decade of the rate
};

LocalLine line_at(const std::vector<LrPoint>& points, const std::vector<double>& losses,
                  std::size_t at, std::size_t reach) {
  const std::size_t first = at > reach ? at - reach : 0,
                    last = std::min(points.size() - 1, at + reach);
  double weights = 0, x_mean = 0, y_mean = 0;
  const auto x_of = [&](std::size_t i) { return std::log10(points[i].lr / points[at].lr); };
  const auto weight_of = [&](std::size_t i) {
    const double distance =
        std::abs(static_cast<double>(i) - static_cast<double>(at)) / static_cast<double>(reach + 1);
    return std::pow(1 - std::pow(distance, 3), 3);
  };
  for (std::size_t i = first; i <= last; ++i) {
    weights += weight_of(i);
    x_mean += weight_of(i) * x_of(i);
    y_mean += weight_of(i) * losses[i];
  }
  x_mean /= weights;
  y_mean /= weights;
  double xx = 0, xy = 0;
  for (std::size_t i = first; i <= last; ++i) {
    const double x = x_of(i) - x_mean;
    xx += weight_of(i) * x * x;
    xy += weight_of(i) * x * (losses[i] - y_mean);
  }
  const double slope = xx > 0 ? xy / xx : 0;
  return {y_mean - slope * x_mean, slope};
}

// Whether the fall of the smoothed loss is more than noise alone would show: the range of an
// average of `reach` losses or more, over some ten independent ones, is about four of its
// deviations, and more at the ends.
bool falls(const std::vector<LrPoint>& points, std::size_t lowest, std::size_t reach) {
  double squares = 0, highest = points.front().smoothed;
  for (std::size_t i = 0; i <= lowest; ++i) {
    const double rest = points[i].loss - points[i].smoothed;
    squares += rest * rest;
    highest = std::max(highest, points[i].smoothed);
  }
  const double noise = std::sqrt(squares / static_cast<double>(lowest + 1)) /
                       std::sqrt(static_cast<double>(reach + 1));
  return highest - points[lowest].smoothed > 6 * noise + 1e-3 * std::abs(highest);
}

void choose(LrFinding& finding) {
  const auto text = [](double lr) { return fmt::format("{:.2g}", lr); };
  if (!finding.steepest && !finding.diverged_at) {
    const std::vector<LrPoint>& points = finding.points;
    const bool rose = points.back().smoothed > points.front().smoothed;
    finding.reason = fmt::format(
        "no suggestion, because the loss neither fell nor diverged clearly; a sweep {}with more "
        "steps is required",
        rose ? "" : "to a higher rate, or ");
    return;
  }
  // One order of magnitude below the rate that was too high.
  const double limit = finding.diverged_at ? *finding.diverged_at / 10 : 0;
  if (finding.steepest && (!finding.diverged_at || *finding.steepest <= limit)) {
    finding.suggestion = finding.steepest;
    finding.reason = "the steepest descent of the smoothed loss";
    if (finding.diverged_at)
      finding.reason += fmt::format("; it diverged at {}", text(*finding.diverged_at));
    return;
  }
  finding.suggestion = limit;
  finding.reason =
      finding.steepest
          ? fmt::format(
                "a tenth of {}, the rate at which the loss diverged; the steepest descent, "
                "at {}, is nearer to it than that",
                text(*finding.diverged_at), text(*finding.steepest))
          : fmt::format("a tenth of {}, the rate at which the loss diverged; it never fell clearly",
                        text(*finding.diverged_at));
}

}  // namespace

bool LossWatch::diverged(double loss) {
  if (!std::isfinite(loss)) return true;
  ++count_;
  average_ = kFactor * average_ + (1 - kFactor) * loss;
  const double smoothed = average_ / (1 - std::pow(kFactor, static_cast<double>(count_)));
  // The average of a few losses may be low by chance.
  constexpr i64 kFirst = 10;
  if (count_ <= kFirst) first_ = smoothed;
  if (count_ <= kFirst || smoothed < lowest_) {
    lowest_ = smoothed;
    lowest_at_ = count_;
  }
  return smoothed > limit();
}

double LossWatch::limit() const {
  const double four_times = lowest_ + 3 * std::abs(lowest_);
  const bool has_fallen = lowest_ < first_ - std::abs(first_) / 4;
  return has_fallen ? std::min(four_times, lowest_ + 0.9 * (first_ - lowest_)) : four_times;
}

LrFinding suggest_lr(std::vector<LrPoint> all) {
  LrFinding finding{.points = std::move(all)};
  std::vector<LrPoint>& points = finding.points;
  LossWatch watch;
  for (const LrPoint& point : points)
    if (watch.diverged(point.loss)) {
      finding.diverged_at = point.lr;
      break;
    }
  while (!points.empty() && !std::isfinite(points.back().loss)) points.pop_back();
  if (points.size() < kFewestPoints) {
    if (!finding.diverged_at)
      finding.reason = fmt::format(
          "no suggestion, because only {} {} made; at least {} are required",
          counted(std::ssize(points), "step"), points.size() == 1 ? "was" : "were", kFewestPoints);
    else choose(finding);
    for (LrPoint& point : points) point.smoothed = point.loss;
    return finding;
  }
  // A loss beyond the limit says only that it diverged, and would bend the lines before it.
  double most = watch.limit();
  for (i64 i = 0; i < watch.lowest_at(); ++i)
    most = std::max(most, points[static_cast<std::size_t>(i)].loss);
  std::vector<double> losses;
  for (const LrPoint& point : points)
    losses.push_back(finding.diverged_at ? std::min(point.loss, most) : point.loss);
  const std::size_t reach = std::max<std::size_t>(4, points.size() / 15);
  std::vector<double> slopes;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const LocalLine line = line_at(points, losses, i, reach);
    points[i].smoothed = line.value;
    slopes.push_back(line.slope);
  }
  const auto lowest = static_cast<std::size_t>(
      std::min_element(points.begin(), points.end(),
                       [](const LrPoint& a, const LrPoint& b) { return a.smoothed < b.smoothed; }) -
      points.begin());
  if (falls(points, lowest, reach)) {
    // At the ends a line has points on one side only.
    const std::size_t first = std::min(reach / 2, lowest);
    const auto steepest =
        std::min_element(slopes.begin() + static_cast<std::ptrdiff_t>(first),
                         slopes.begin() + static_cast<std::ptrdiff_t>(lowest) + 1);
    finding.steepest = points[static_cast<std::size_t>(steepest - slopes.begin())].lr;
  }
  choose(finding);
  return finding;
}

}  // namespace weft::train
