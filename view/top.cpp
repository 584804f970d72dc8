// SPDX-License-Identifier: Apache-2.0
#include "weft/view/top.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "weft/core/printable.h"
#include "weft/view/scale.h"

namespace weft::view {
namespace {

// The plot that a series belongs to, and what it is called there; an empty plot: it is not shown.
struct TopPlace {
  std::string plot, curve;
};

TopPlace top_place_of(const std::string& series) {
  // The time and the sizes of an epoch, which say nothing over steps.
  // The batches of a step begin again in each epoch.
  for (const char* no_curve : {"seconds", "samples", "validation_samples", "step/batch"})
    if (series == no_curve) return {};
  if (series == "samples_per_second") return {"samples/s", "samples/s"};
  const std::size_t slash = series.find('/');
  if (slash == std::string::npos) return {series, series};
  const std::string kind = series.substr(0, slash), metric = series.substr(slash + 1);
  if (const std::size_t last = series.rfind('/'); last != slash)  // gradients/norm/LAYER
    return {series.substr(0, last), series.substr(last + 1)};
  if (kind == "train" || kind == "validation" || kind == "step") return {metric, kind};
  return {series, series};
}

// Every run logs skipped steps, and most have none.
bool says_nothing(const std::string& name, const Series& series) {
  return name == "skipped_steps" &&
         std::all_of(series.begin(), series.end(), [](const Point& p) { return p.value == 0; });
}

// Training is drawn first, so that the rarer points of validation lie above it.
int curve_order_of(const std::string& curve) {
  constexpr std::array<const char*, 3> kOrder{"step", "train", "validation"};
  const auto* found = std::find(kOrder.begin(), kOrder.end(), curve);
  return static_cast<int>(found - kOrder.begin());
}

int plot_rank_of(const std::string& plot) {
  constexpr std::array<const char*, 4> kFirst{"loss", "lr", "samples/s", "memory"};
  const auto* found = std::find(kFirst.begin(), kFirst.end(), plot);
  const bool is_of_event = plot.find('/') != std::string::npos;  // behind those of the run
  return static_cast<int>(found - kFirst.begin()) + (is_of_event ? 1 : 0);
}

TextCurve text_curve_of(const std::string& name, const Series& series) {
  TextCurve curve{.name = name, .faint = name == "step"};
  for (const Point& point : series)
    curve.points.emplace_back(static_cast<double>(point.step), point.value);
  return curve;
}

// A curve for each layer may be hundreds. More than a few become the least, the median and the
// greatest of each step.
void summarise(TopPlot& plot) {
  constexpr std::size_t kMostOfPlot = 4;
  if (plot.curves.size() <= kMostOfPlot) return;
  std::map<double, std::vector<double>> values;  // by step
  for (const TextCurve& curve : plot.curves)
    for (const auto& [step, value] : curve.points)
      if (std::isfinite(value)) values[step].push_back(value);
  TextCurve least{.name = "least"}, median{.name = "median"}, greatest{.name = "greatest"};
  for (auto& [step, at] : values) {
    std::sort(at.begin(), at.end());
    least.points.emplace_back(step, at.front());
    median.points.emplace_back(step, at[at.size() / 2]);
    greatest.points.emplace_back(step, at.back());
  }
  plot.curves = {std::move(least), std::move(median), std::move(greatest)};
}

std::string ago_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s ago", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min ago", seconds / 60);
  if (seconds < 172'800) return fmt::format("{:.0f} h ago", seconds / 3600);
  return fmt::format("{:.0f} days ago", seconds / 86'400);
}

std::string memory_text(double bytes) {
  return bytes < 1e9 ? fmt::format("{:.0f} MB", bytes / 1e6)
                     : fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string state_of_run(const TopView& view) {
  const std::string changed =
      view.idle_seconds < 0 ? "" : ", changed " + ago_text(view.idle_seconds);
  if (view.process)
    return fmt::format("running (process {}{}){}", view.process->pid,
                       view.process->memory_bytes > 0
                           ? ", " + memory_text(static_cast<double>(view.process->memory_bytes))
                           : "",
                       changed);
  if (view.history != nullptr && view.history->failure())
    return "failed: " + printable_line(*view.history->failure());
  if (view.history != nullptr && !view.history->test().empty()) return "complete";
  return "no process of this user on this machine trains it" + changed;
}

std::string progress_of(const History& history) {
  return counted(history.epochs(), "epoch") + ", " + counted(history.steps(), "step");
}

// Adds the text in lines of at most `columns`, between words where that is possible, as long as
// there are at most `most` lines.
void add_wrapped(std::vector<std::string>& lines, std::string text, int columns, std::size_t most) {
  while (!text.empty() && lines.size() < most) {
    std::string line = cut_to(text, columns);
    if (line.empty()) return;  // no character fits
    if (line.size() < text.size() && text[line.size()] != ' ')
      if (const std::size_t space = line.rfind(' '); space != std::string::npos && space > 0)
        line.resize(space);
    text.erase(0, line.size());
    text.erase(0, text.find_first_not_of(' '));
    lines.push_back(std::move(line));
  }
}

// One line, or, where that is too narrow, the name and then the state in lines of its own.
std::vector<std::string> top_head(const TopView& view, const TopSize& size) {
  std::string text = printable_line(view.name);
  if (view.history != nullptr) text += "  " + progress_of(*view.history);
  const std::string state = state_of_run(view);
  if (columns_of(text) + 2 + columns_of(state) <= size.columns) return {text + "  " + state};
  std::vector<std::string> lines{text};
  add_wrapped(lines, state, size.columns,
              static_cast<std::size_t>(std::clamp(size.rows / 4, 2, 6)));
  return lines;
}

// "loss  [lr]  samples/s  memory", scrolled so that the selected one is visible.
std::string tabs_line(const std::vector<TopPlot>& plots, std::size_t selected,
                      const TopSize& size) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    const std::string name = printable_line(plots[i].name);
    names.push_back(i == selected ? "[" + name + "]" : " " + name + " ");
  }
  std::size_t first = 0;
  const auto used = [&] {
    int columns = 0;
    for (std::size_t i = first; i <= selected; ++i) columns += columns_of(names[i]) + 1;
    return columns;
  };
  while (first < selected && used() > size.columns) ++first;
  std::string text;
  for (std::size_t i = first; i < names.size(); ++i)
    text += i == selected && size.colour ? "\033[1m" + names[i] + "\033[0m " : names[i] + " ";
  return text;
}

std::string top_value_text(const std::string& plot, double value) {
  if (plot == "memory") return memory_text(value);
  return short_number(value);
}

// The newest value of each curve, and the best loss.
std::string newest_values_of(const TopPlot& plot) {
  std::string text;
  for (const TextCurve& curve : plot.curves) {
    if (curve.points.empty()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : "   ", printable_line(curve.name),
                        top_value_text(plot.name, curve.points.back().second));
    if (plot.name != "loss" || curve.name != "validation") continue;
    const auto lowest = std::min_element(
        curve.points.begin(), curve.points.end(), [](const auto& a, const auto& b) {
          return a.second < b.second || (std::isnan(b.second) && !std::isnan(a.second));
        });
    text += fmt::format(" (lowest {} at step {:.0f})", short_number(lowest->second), lowest->first);
  }
  return text;
}

TextPlotOptions plot_options(const TopSize& size, int columns, int rows, bool log_y) {
  return {.columns = columns,
          .rows = rows,
          .log_x = false,
          .log_y = log_y,
          .unicode = size.unicode,
          .colour = size.colour};
}

// Curves for one plot, with memory in units that are short.
std::vector<TextCurve> drawn_curves(const TopPlot& plot) {
  std::vector<TextCurve> curves = plot.curves;
  for (TextCurve& curve : curves) {
    curve.name = printable_line(curve.name);
    if (plot.name == "memory")
      for (auto& point : curve.points) point.second /= 1e6;
  }
  return curves;
}

// Small plots side by side, each with its title.
std::vector<std::string> row_of_plots(const std::vector<const TopPlot*>& plots, int rows,
                                      const TopSize& size) {
  const int columns = size.columns / static_cast<int>(plots.size());
  std::vector<std::string> lines(static_cast<std::size_t>(rows));
  for (const TopPlot* plot : plots) {
    std::vector<std::string> own{
        cut_to(printable_line(plot->name) + (plot->name == "memory" ? " (MB)" : ""), columns - 2)};
    std::vector<TextCurve> curves = drawn_curves(*plot);
    for (const std::string& line :
         text_plot(curves, plot_options(size, columns - 2, rows - 1, false)))
      own.push_back(line);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string line = i < own.size() ? own[i] : "";
      lines[i] +=
          line +
          std::string(static_cast<std::size_t>(std::max(0, columns - columns_of(line))), ' ');
    }
  }
  return lines;
}

// The plots below the large one: as many of the others as have room.
std::vector<const TopPlot*> small_plots(const std::vector<TopPlot>& plots, std::size_t selected,
                                        const TopSize& size) {
  constexpr int kLeastWidth = 32, kLeastHeight = 24;
  std::vector<const TopPlot*> small;
  if (size.rows < kLeastHeight) return small;
  for (std::size_t i = 0; i < plots.size(); ++i)
    if (i != selected && (static_cast<int>(small.size()) + 1) * kLeastWidth <= size.columns &&
        small.size() < 4)
      small.push_back(&plots[i]);
  return small;
}

std::string keys_line(const TopSize& size) {
  const std::string all = "q quit   tab, arrows: next metric   l: logarithmic";
  return columns_of(all) <= size.columns ? all : "q quit, tab next";
}

// What could not be read, and the keys.
std::string last_line(const TopView& view, const TopSize& size) {
  if (!view.note.empty()) return printable_line(view.note);
  const i64 damaged = view.history != nullptr ? view.history->damaged_lines() : 0;
  if (damaged == 0) return view.keys ? keys_line(size) : "";
  std::string note = counted(damaged, "damaged line") + " left out";
  if (!view.keys) return note;
  TopSize room = size;
  room.columns -= columns_of(note) + 3;
  return keys_line(room) + "   " + note;
}

std::size_t plot_index_of(const std::vector<TopPlot>& plots, const std::string& name) {
  const auto found = std::find_if(plots.begin(), plots.end(),
                                  [&](const TopPlot& plot) { return plot.name == name; });
  return found == plots.end() ? 0 : static_cast<std::size_t>(found - plots.begin());
}

}  // namespace

std::vector<TopPlot> top_plots(const History& history, const MemoryCurve& memory) {
  std::vector<TopPlot> plots;
  const auto plot_named = [&](const std::string& name) -> TopPlot& {
    for (TopPlot& plot : plots)
      if (plot.name == name) return plot;
    return plots.emplace_back(TopPlot{.name = name, .curves = {}});
  };
  for (const auto& [name, series] : history.series())
    if (const TopPlace place = top_place_of(name);
        !place.plot.empty() && !says_nothing(name, series))
      plot_named(place.plot).curves.push_back(text_curve_of(place.curve, series));
  if (!memory.empty()) {
    TopPlot& plot = plot_named("memory");
    plot.over_minutes = true;
    plot.curves = {{.name = "memory", .points = memory}};
  }
  for (TopPlot& plot : plots) {
    if (plot.name.find('/') != std::string::npos) summarise(plot);
    std::stable_sort(plot.curves.begin(), plot.curves.end(),
                     [](const TextCurve& a, const TextCurve& b) {
                       return curve_order_of(a.name) < curve_order_of(b.name);
                     });
  }
  std::stable_sort(plots.begin(), plots.end(), [](const TopPlot& a, const TopPlot& b) {
    return plot_rank_of(a.name) < plot_rank_of(b.name);
  });
  return plots;
}

std::vector<std::string> top_picture(const TopView& view, const TopSize& size) {
  std::vector<std::string> lines = top_head(view, size);
  const std::string last = last_line(view, size);
  const int below = last.empty() ? 0 : 1;
  const std::vector<TopPlot> plots =
      view.history != nullptr ? top_plots(*view.history, view.memory) : std::vector<TopPlot>{};
  if (plots.empty()) {
    lines.emplace_back("waiting for the first epoch of the run");
  } else {
    const std::size_t selected = plot_index_of(plots, view.selected);
    const TopPlot& plot = plots[selected];
    lines.push_back(tabs_line(plots, selected, size));
    lines.push_back(newest_values_of(plot));
    const std::vector<const TopPlot*> small = small_plots(plots, selected, size);
    const int room = size.rows - static_cast<int>(lines.size()) - below;
    const int small_rows = small.empty() ? 0 : std::min(10, room / 3);
    if (room - small_rows - 1 >= kLeastRows) {
      for (const std::string& line :
           text_plot(drawn_curves(plot),
                     plot_options(size, size.columns - 1, room - small_rows - 1, view.log_y)))
        lines.push_back(line);
      lines.push_back(fmt::format("over {}{}{}", plot.over_minutes ? "minutes watched" : "steps",
                                  plot.name == "memory" ? ", in MB" : "",
                                  view.log_y ? ", logarithmic" : ""));
      if (small_rows > 0)
        for (const std::string& line : row_of_plots(small, small_rows, size)) lines.push_back(line);
    }
  }
  if (!last.empty()) {
    if (std::ssize(lines) >= size.rows && size.rows > 1)
      lines.resize(static_cast<std::size_t>(size.rows) - 1);
    lines.push_back(last);
  }
  if (std::ssize(lines) > size.rows) lines.resize(static_cast<std::size_t>(std::max(1, size.rows)));
  for (std::string& line : lines) line = cut_to(line, size.columns);
  return lines;
}

}  // namespace weft::view
