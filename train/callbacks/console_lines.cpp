// SPDX-License-Identifier: Apache-2.0
#include "weft/train/callbacks/console_lines.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "weft/train/run/callback.h"

namespace weft::train {
namespace {

constexpr const char *kDone = "\033[36m", *kRest = "\033[2m", *kPlain = "\033[0m";

double share_of(const LiveProgress& live) {
  if (live.batches <= 0) return 0;
  return std::clamp(static_cast<double>(live.batch) / static_cast<double>(live.batches), 0.0, 1.0);
}

std::string bar_of(double share, i64 cells, bool colour) {
  const i64 done = static_cast<i64>(share * static_cast<double>(cells));
  std::string text = colour ? kDone : "";
  for (i64 i = 0; i < cells; ++i) {
    if (i == done && colour) text += kRest;
    text += i < done ? "━" : "─";
  }
  return text + (colour ? kPlain : "");
}

// A part of the line. Those of higher importance are taken first where not all fit.
struct LinePart {
  int importance;
  std::string text;
};
constexpr int kBarImportance = 6;

std::string epoch_text(const LiveProgress& live) {
  if (live.epochs == 0) return fmt::format("epoch {}", live.epoch);
  return fmt::format("epoch {:>{}}/{}", live.epoch, std::to_string(live.epochs).size(),
                     live.epochs);
}

// In the order of the line; the bar is behind the first.
std::vector<LinePart> parts_of(const LiveProgress& live) {
  std::vector<LinePart> parts{{9, epoch_text(live)},
                              {7, fmt::format("{:3.0f}%", std::floor(100 * share_of(live)))}};
  if (!std::isnan(live.loss)) parts.push_back({8, fmt::format("loss {:.4g}", live.loss)});
  parts.push_back({1, fmt::format("lr {:.3g}", live.lr)});
  if (live.loss_scale) parts.push_back({2, fmt::format("scale {:.6g}", *live.loss_scale)});
  if (live.skipped > 0) parts.push_back({3, fmt::format("{} skipped", live.skipped)});
  if (live.samples_per_second > 0) parts.push_back({5, rate_text(live.samples_per_second)});
  if (live.epoch_left >= 0) parts.push_back({6, time_text(live.epoch_left) + " left"});
  if (live.run_left >= 0 && live.epochs > 1)
    parts.push_back({4, time_text(live.run_left) + " in all"});
  return parts;
}

std::string joined(const std::vector<LinePart>& parts) {
  std::string text;
  for (const LinePart& part : parts) text += (text.empty() ? "" : "  ") + part.text;
  return text;
}

// The first characters of a text in UTF-8.
std::string first_columns(const std::string& text, i64 columns) {
  std::size_t end = 0;
  while (end < text.size() && columns > 0) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    --columns;
  }
  return text.substr(0, end);
}

}  // namespace

std::string bar_line(const LiveProgress& live, i64 columns, bool colour) {
  constexpr i64 kLeastBar = 6, kMostBar = 40, kGap = 2;
  const i64 room = std::max<i64>(columns - 1, 1);
  std::vector<LinePart> parts = parts_of(live);
  parts.insert(parts.begin() + 1, {kBarImportance, ""});
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return parts[a].importance > parts[b].importance;
  });
  std::vector<bool> taken(parts.size(), false);
  taken.front() = true;
  i64 used = columns_of(parts.front().text);
  for (const std::size_t i : order) {
    const i64 own = kGap + (i == 1 ? kLeastBar : columns_of(parts[i].text));
    if (i == 0 || used + own > room) continue;
    taken[i] = true;
    used += own;
  }
  if (taken[1])
    parts[1].text = bar_of(share_of(live), std::min(kMostBar, kLeastBar + room - used), colour);
  std::vector<LinePart> shown;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (taken[i]) shown.push_back(parts[i]);
  return shown.size() == 1 ? first_columns(shown.front().text, room) : joined(shown);
}

std::string heartbeat_line(const LiveProgress& live) {
  std::vector<LinePart> parts;
  for (LinePart& part : parts_of(live))
    if (part.importance > 3) parts.push_back(std::move(part));
  return joined(parts);
}

std::string epoch_line(const EpochReport& report) {
  const EpochResult& train = report.train;
  std::string validation = metrics_text(report.metrics, "validation/", "validation loss");
  if (report.validation_samples > 0)
    validation += fmt::format(" ({} held-out samples)", report.validation_samples);
  std::map<std::string, double> of_training = report.metrics;
  of_training["train/loss"] = train.loss;
  return fmt::format("{}{}{}  lr {:.3g}  {}",
                     epoch_text({.epoch = train.epoch, .epochs = report.epochs}),
                     metrics_text(of_training, "train/", "loss"), validation, train.lr,
                     rate_text(train.samples_per_second));
}

std::string metrics_text(const std::map<std::string, double>& metrics, const std::string& split,
                         const char* label) {
  std::string text;
  for (const auto& [name, value] : metrics) {
    if (!name.starts_with(split)) continue;
    const std::string plain = name.substr(split.size());
    if (plain == "loss") text.insert(0, fmt::format("  {} {:.4g}", label, value));
    else text += fmt::format("  {} {:.4g}", plain, value);
  }
  return text;
}

std::string rate_text(double samples_per_second) {
  return samples_per_second >= 10000 ? fmt::format("{:.1f}k samples/s", samples_per_second / 1000)
                                     : fmt::format("{:.0f} samples/s", samples_per_second);
}

std::string time_text(double seconds) {
  constexpr double kMost = 1e9;
  const i64 all = std::llround(std::clamp(seconds, 0.0, kMost));
  constexpr i64 kMinute = 60, kHour = 3600, kDay = 86400;
  if (all < kMinute) return fmt::format("{}s", all);
  if (all < kHour) return fmt::format("{}m{:02}s", all / kMinute, all % kMinute);
  if (all < kDay) return fmt::format("{}h{:02}m", all / kHour, all % kHour / kMinute);
  return fmt::format("{}d{:02}h", all / kDay, all % kDay / kHour);
}

i64 columns_of(const std::string& line) {
  i64 columns = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\033') {
      i = line.find('m', i);
      if (i == line.npos) break;
    } else if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

}  // namespace weft::train
