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

std::string shown_rate(double lr) { return fmt::format("{:.2g}", lr); }

// The loss of the first steps: the lowest average of the first losses, however few, because the
// second may have exploded already. Noise may make it low, so twice the noise of a loss is added,
// which the differences up to `end` show.
double first_level(const std::vector<LrPoint>& points, std::size_t end) {
  double sum = 0, level = points.front().loss;
  for (std::size_t i = 0; i < std::min<std::size_t>(points.size(), 5); ++i) {
    sum += points[i].loss;
    level = std::min(level, sum / static_cast<double>(i + 1));
  }
  std::vector<double> steps;
  for (std::size_t i = 1; i <= end; ++i)
    steps.push_back(std::abs(points[i].loss - points[i - 1].loss));
  double noise = 0;
  if (!steps.empty()) {
    const auto middle = steps.begin() + std::ssize(steps) / 2;
    std::nth_element(steps.begin(), middle, steps.end());
    noise = *middle / (0.6745 * std::sqrt(2.0));  // a median of differences, as a deviation
  }
  const bool known = steps.size() >= 3;  // the second loss may have exploded already
  return level + (known ? 2 * noise : 0) + 0.01 * std::abs(level);
}

// Why this rate cannot be suggested; empty: it can.
std::string objection(const LrFinding& finding, double lr) {
  const std::vector<LrPoint>& points = finding.points;
  if (points.empty() || lr < points.front().lr * (1 - 1e-9))
    return fmt::format(
        "no suggestion, because the loss diverged at {}, and a tenth of that is below the first "
        "rate of the sweep; a lower first rate (--from) is required",
        shown_rate(*finding.diverged_at));
  const auto at = std::find_if(points.begin(), points.end(),
                               [&](const LrPoint& point) { return point.lr >= lr * (1 - 1e-9); });
  if (at == points.end())
    return fmt::format(
        "no suggestion, because the loss diverged at {}, and no step was made between a tenth of "
        "that and it; a sweep from a lower rate (--from), with rates closer together, is required",
        shown_rate(*finding.diverged_at));
  double loss = at->smoothed;  // at the rate itself, which may lie between two of the sweep
  if (at != points.begin() && at->lr > lr) {
    const LrPoint& below = *std::prev(at);
    const double share = std::log(lr / below.lr) / std::log(at->lr / below.lr);
    loss = below.smoothed + share * (at->smoothed - below.smoothed);
  }
  if (loss <= first_level(points, static_cast<std::size_t>(at - points.begin()))) return {};
  return fmt::format(
      "no suggestion, because the loss had already grown at {}, to {:.3g} from {:.3g} in the first "
      "step{}; a lower first rate (--from) is required",
      shown_rate(lr), loss, points.front().loss,
      finding.diverged_at ? fmt::format(", and diverged at {}", shown_rate(*finding.diverged_at))
                          : "");
}

// The rate by the rules, and how it was found.
void choose_rate(LrFinding& finding) {
  // One order of magnitude below the rate that was too high.
  const double limit = finding.diverged_at ? *finding.diverged_at / 10 : 0;
  if (finding.steepest && (!finding.diverged_at || *finding.steepest <= limit)) {
    finding.suggestion = finding.steepest;
    finding.reason = "the steepest descent of the smoothed loss";
    if (finding.diverged_at)
      finding.reason += fmt::format("; it diverged at {}", shown_rate(*finding.diverged_at));
    return;
  }
  finding.suggestion = limit;
  finding.reason =
      finding.steepest
          ? fmt::format(
                "a tenth of {}, the rate at which the loss diverged; the steepest descent, "
                "at {}, is nearer to it than that",
                shown_rate(*finding.diverged_at), shown_rate(*finding.steepest))
          : fmt::format("a tenth of {}, the rate at which the loss diverged; it never fell clearly",
                        shown_rate(*finding.diverged_at));
}

void choose(LrFinding& finding) {
  if (!finding.steepest && !finding.diverged_at) {
    const std::vector<LrPoint>& points = finding.points;
    const bool rose = points.back().smoothed > points.front().smoothed;
    finding.reason = fmt::format(
        "no suggestion, because the loss neither fell nor diverged clearly; a sweep {}with more "
        "steps is required",
        rose ? "" : "to a higher rate, or ");
    return;
  }
  choose_rate(finding);
  std::string against = objection(finding, *finding.suggestion);
  if (against.empty()) return;
  finding.suggestion.reset();
  finding.reason = std::move(against);
}

}  // namespace

bool LossWatch::diverged(double loss) {
  if (!std::isfinite(loss)) return true;
  ++count_;
  if (count_ == 1) start_ = loss;
  average_ = kFactor * average_ + (1 - kFactor) * loss;
  const double smoothed = average_ / (1 - std::pow(kFactor, static_cast<double>(count_)));
  // The average of a few losses may be low by chance.
  constexpr i64 kFirst = 10, kFewest = 5;
  if (count_ <= kFirst) first_ = smoothed;
  if (count_ <= kFewest || smoothed < lowest_) {
    lowest_ = smoothed;
    lowest_at_ = count_;
  }
  // Where the first rates are too high already, all averages are, and only the first loss is not.
  constexpr i64 kFarInARow = 3;
  far_ = start_ != 0 && loss > start_ + 9 * std::abs(start_) ? far_ + 1 : 0;
  if (count_ <= kFirst && far_ >= kFarInARow) {
    first_ = lowest_ = start_;
    lowest_at_ = 1;
    return true;
  }
  return smoothed > limit();
}

double LossWatch::limit() const {
  const double four_times = lowest_ + 3 * std::abs(lowest_);
  const bool has_fallen = lowest_ < first_ - std::abs(first_) / 4;
  return has_fallen ? std::min(four_times, lowest_ + 0.9 * (first_ - lowest_)) : four_times;
}

double LossWatch::ceiling() const {
  return std::min(limit(), first_ + std::max(first_ - lowest_, std::abs(first_) / 4));
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
    for (LrPoint& point : points) point.smoothed = point.loss;
    if (finding.diverged_at) choose(finding);
    return finding;
  }
  // A loss that is far too high says only that, and would bend the lines before it.
  double most = watch.ceiling();
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
