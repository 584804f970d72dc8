// SPDX-License-Identifier: Apache-2.0
// The picture of `weft top`: the state of a run and its curves as lines of text, from its files
// alone. Whoever shows it reads the History again and makes the next picture.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/view/history.h"
#include "weft/view/text_plot.h"
#include "weft/view/training_process.h"

namespace weft::view {

// Series that are drawn into one plot: those of one metric in training and validation.
struct TopPlot {
  std::string name;               // "loss", "accuracy", "lr", "samples/s", "memory"
  std::vector<TextCurve> curves;  // over steps; memory over minutes
  bool over_minutes = false;
};

// Memory of the training process over the minutes that it was watched.
using MemoryCurve = std::vector<std::pair<double, double>>;

// The plots of a run: loss, lr, samples/s and memory first, as far as there are such, then the
// other metrics by name. Series of one beginning, such as the norms of layers, share a plot; more
// than a few of them become their least, median and greatest.
std::vector<TopPlot> top_plots(const History& history, const MemoryCurve& memory);

struct TopView {
  const History* history = nullptr;  // null before the run's first event
  std::string name = {};             // of the run, as it was given
  std::optional<TrainingProcess> process = {};
  double idle_seconds = -1;  // since its files changed; below 0: not known
  MemoryCurve memory = {};
  std::string note = {};      // shown in place of the keys
  std::string selected = {};  // name of the large plot; the first one if there is none of this name
  bool log_y = false;
  bool keys = true;  // the last line names the keys
};

struct TopSize {
  int columns = 80, rows = 24;
  bool unicode = true, colour = false;
};

// At most `rows` lines of at most `columns` characters, also in the smallest terminal. Texts of the
// run's files are made printable.
std::vector<std::string> top_picture(const TopView& view, const TopSize& size);

}  // namespace weft::view
