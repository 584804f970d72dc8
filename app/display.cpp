// SPDX-License-Identifier: Apache-2.0
#include "weft/app/display.h"

#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "weft/core/error.h"

namespace weft::app {
namespace {

constexpr int kBarCells = 24;
constexpr std::chrono::milliseconds kRedraw{100};

std::string bar(double share) {
  std::string cells;
  const int filled = static_cast<int>(share * kBarCells);
  for (int i = 0; i < kBarCells; ++i) cells += i < filled ? "━" : "─";
  return cells;
}

std::string rate(double samples_per_second) {
  return samples_per_second >= 10000 ? fmt::format("{:.1f}k samples/s", samples_per_second / 1000)
                                     : fmt::format("{:.0f} samples/s", samples_per_second);
}

// "  validation loss 0.1234  accuracy 0.9876": the loss, then the other metrics of `split`.
std::string metrics_of(const std::map<std::string, double>& metrics, const std::string& split,
                       const char* label) {
  std::string text;
  for (const auto& [name, value] : metrics) {
    if (!name.starts_with(split)) continue;
    const std::string plain = name.substr(split.size());
    if (plain == "loss") text.insert(0, fmt::format("  {} {:.4f}", label, value));
    else text += fmt::format("  {} {:.4f}", plain, value);
  }
  return text;
}

}  // namespace

Display::Display() : terminal_(isatty(STDOUT_FILENO) != 0) {}

void Display::clear_bar() {
  if (bar_shown_) std::fputs("\r\033[2K", stdout);
  bar_shown_ = false;
}

void Display::say(const std::string& line) {
  clear_bar();
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  if (folder_ == nullptr) return;
  try {
    folder_->append("log.txt", line);
  } catch (
      const Error&) {  // on a full disk the line is on the screen alone, and training continues
  }
}

void Display::on_train_begin(train::Orchestrator& run) {
  folder_ = run.folder();
  epochs_ = run.config().train.epochs;
  const train::RunData& data = run.data();
  say(fmt::format("{}: {} parameters; {}: {} training, {} validation, {} test samples; {}",
                  run.config().model.recipe.name(), run.model().parameter_count(),
                  data.train->info().name, data.train->size(),
                  data.validation ? data.validation->size() : 0, data.test ? data.test->size() : 0,
                  name_of(run.trainer().optimizers().device())));
  if (!data.place.empty()) say(fmt::format("data: {}", data.place));
  say(fmt::format("run folder: {}", folder_->path().string()));
}

void Display::on_batch_end(train::Trainer&, const train::Progress& progress) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_drawn_ < kRedraw) return;
  last_drawn_ = now;
  const double share = static_cast<double>(progress.batch) / static_cast<double>(progress.batches);
  const double left = progress.seconds / share - progress.seconds;
  std::printf("\r\033[2Kepoch %lld/%lld %s %3.0f%%  loss %.4f  %s  %.0fs left",
              static_cast<long long>(progress.epoch), static_cast<long long>(epochs_),
              bar(share).c_str(), 100 * share, progress.loss(),
              rate(static_cast<double>(progress.samples) / progress.seconds).c_str(), left);
  std::fflush(stdout);
  bar_shown_ = true;
}

void Display::on_epoch_end(const train::EpochReport& report) {
  say(fmt::format("epoch {:>{}}/{}  loss {:.4f}{}  lr {:.3g}  {}", report.train.epoch,
                  std::to_string(epochs_).size(), epochs_, report.train.loss,
                  metrics_of(report.metrics, "validation/", "validation loss"), report.train.lr,
                  rate(report.train.samples_per_second)));
}

void Display::on_train_end(const train::RunReport& report) {
  if (report.test) say("test:" + metrics_of(report.test->metrics, "", "loss").substr(1));
  if (!report.failed.empty())
    return say(fmt::format("failed after {} epochs, {} steps, {:.1f} s; what was saved is in {}",
                           report.epochs, report.steps, report.seconds, report.folder));
  say(fmt::format(
      "{} after {} epochs, {} steps, {:.1f} s. Next: {}", report.stopped ? "stopped" : "done",
      report.epochs, report.steps, report.seconds,
      report.stopped
          ? fmt::format("weft train {0}/config.yaml run.dir={0} resume=auto", report.folder)
          : "weft evaluate " + report.folder + (report.test ? "" : " --split validation")));
}

}  // namespace weft::app
