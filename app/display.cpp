// SPDX-License-Identifier: Apache-2.0
#include "weft/app/display.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "weft/app/standard_streams.h"
#include "weft/core/counted.h"
#include "weft/core/error.h"
#include "weft/core/plugin.h"
#include "weft/core/printable.h"
#include "weft/core/terminal.h"
#include "weft/data/stream/stream_dataset.h"

namespace weft::app {
namespace {

// A launcher that is busy with a stop does not read the terminal that it gave to a rank. With fewer
// bars, training goes on for longer until that is full.
constexpr double kRedrawOfRank = 1;
constexpr std::size_t kMostEarlyLines = 100;

// " --plugin FILE" for each plugin of the run, because the commands open none that its folder
// names.
std::string plugin_arguments() {
  std::string text;
  for (const Plugin& plugin : loaded_plugins()) text += " --plugin " + shell_quoted(plugin.path);
  return text;
}

}  // namespace

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:,+@%-";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += "'\\''";
    else quoted += c;
  }
  return quoted + "'";
}

Display::Display(std::function<void()> on_closed_pipe)
    : Console({.line = [this](const std::string& line) { say(line); }}),
      on_closed_pipe_(std::move(on_closed_pipe)) {
  if (terminal_columns(STDOUT_FILENO) == 0) return;
  output().bar = [this](const std::string& line) { draw(line); };
  output().columns = [] { return terminal_columns(STDOUT_FILENO); };
  output().colour = wants_colour();
}

// Nothing is printed after a failure, so that no gap goes unnoticed.
bool Display::show(const std::string& text) {
  if (lost_) return false;
  const int code = print_now(text);
  lost_ = code != 0;
  return code == EPIPE;
}

void Display::say(const std::string& text) {
  if (put(printable(text))) on_closed_pipe_();  // names of files and classes
}

// Returns true if the reader has gone just now.
bool Display::put(const std::string& line) {
  const std::lock_guard lock(mutex_);
  const bool closed =
      show((std::exchange(bar_shown_, false) ? train::kErasedLine : "") + line + "\n");
  if (folder_ != nullptr) write_down(line);
  else if (early_.size() < kMostEarlyLines) early_.push_back(line);
  return closed;
}

void Display::write_down(const std::string& line) const {
  try {
    folder_->append("log.txt", line);
  } catch (
      const Error&) {  // on a full disk the line is on the screen alone, and training continues
  }
}

void Display::on_train_begin(train::Orchestrator& run) {
  {
    const std::lock_guard lock(mutex_);
    folder_ = run.folder();
    for (const std::string& line : std::exchange(early_, {})) write_down(line);
  }
  Console::on_train_begin(run);
  if (!run.ranks().alone()) output().redraw = kRedrawOfRank;
  const std::vector<train::CallbackRecipe>& callbacks = run.config().callbacks;
  // It logs the lines, and the log is shown.
  set_bar_only(std::any_of(callbacks.begin(), callbacks.end(), [](const auto& each) {
    return each.name() == "console" && each.enabled();
  }));
  const train::RunData& data = run.data();
  const bool streams = data::as_stream(*data.train) != nullptr;
  say(fmt::format("{}: {} parameters; {}: {} training, {} validation, {} test samples; {}",
                  run.config().model.recipe.name(), run.model().parameter_count(),
                  data.train->info().name,
                  streams ? "streamed" : std::to_string(data.train->size()),
                  data.validation ? data.validation->size() : 0, data.test ? data.test->size() : 0,
                  name_of(run.trainer().optimizers().device())));
  if (!data.place.empty()) say(fmt::format("data: {}", data.place));
  say(fmt::format("run folder: {}", folder_->path().string()));
}

void Display::draw(const std::string& bar) {
  bool closed = false;
  {
    const std::lock_guard lock(mutex_);
    closed = show(train::replacing(bar));
    bar_shown_ = true;
  }
  if (closed) on_closed_pipe_();
}

void Display::on_train_end(const train::RunReport& report) {
  Console::on_train_end(report);
  const bool own_weights = !report.test || report.test->weights == "model";
  const std::string weights = own_weights ? "" : report.test->weights;
  if (report.test)
    say((own_weights ? "test:" : "test, weights " + weights + ":") +
        train::metrics_text(report.test->metrics, "", "loss").substr(1));
  if (!report.failed.empty())
    return say_last(fmt::format(
        "failed after {}, {}, {:.1f} s; {} {}", counted(report.epochs, "epoch"),
        counted(report.steps, "step"), report.seconds,
        report.saved ? "what was saved is in" : "no checkpoint was saved; the metrics are in",
        report.folder));
  // A command would take a path that begins with - for an option.
  const std::string folder = (report.folder.starts_with('-') ? "./" : "") + report.folder;
  const std::string quoted = shell_quoted(folder);
  const std::string loss = report.validation && !report.stopped
                               ? fmt::format(", validation loss {:.4g}", report.validation_loss)
                               : "";
  say_last(fmt::format(
      "{} after {}, {}, {:.1f} s{}. Next: {}{}", report.stopped ? "stopped" : "done",
      counted(report.epochs, "epoch"), counted(report.steps, "step"), report.seconds, loss,
      report.stopped
          ? fmt::format("weft train {} {} resume=auto", shell_quoted(folder + "/config.yaml"),
                        shell_quoted("run.dir=" + folder))
          : "weft evaluate " + quoted + (own_weights ? "" : " --weights " + weights) +
                (report.test ? "" : " --split validation"),
      plugin_arguments()));
}

void Display::say_last(const std::string& line) {
  say(line);
  const std::lock_guard lock(mutex_);
  if (lost_) std::fprintf(stderr, "weft: %s\n", line.c_str());
}

}  // namespace weft::app
