// SPDX-License-Identifier: Apache-2.0
#include "weft/train/callbacks/console.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <unistd.h>

#include "weft/core/log.h"
#include "weft/core/terminal.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

ConsoleOptions checked(ConsoleOptions options) {
  validate("Console", section_ref(options));
  return options;
}

// The batches of training that are left after this one, as far as it is known now.
double batches_left(const Trainer& trainer, const Progress& progress) {
  const TrainerOptions& options = trainer.options();
  const i64 epochs_left = std::max<i64>(options.epochs - progress.epoch, 0);
  const double left = static_cast<double>(progress.batches - progress.batch) +
                      static_cast<double>(epochs_left) * static_cast<double>(progress.batches);
  if (options.max_steps == 0) return left;
  const i64 steps =
      std::max<i64>(options.max_steps - trainer.optimizers().first().applied_steps(), 0);
  return std::min(left, static_cast<double>(steps) * static_cast<double>(options.accumulate));
}

// The registered callback. Its lines go to the log sink of the program.
class LoggedConsole final : public Console {
 public:
  explicit LoggedConsole(const ConsoleOptions& options)
      : Console({.line = [](const std::string& line) { log_message(LogLevel::info, line); }},
                options) {}
};

const bool registered = Registry<Callback>::add<LoggedConsole, ConsoleOptions>("console");

}  // namespace

std::string replacing(const std::string& line) {
  constexpr const char *kNoWrap = "\033[?7l", *kWrap = "\033[?7h";
  return std::string(kErasedLine) + kNoWrap + line + kWrap;
}

ConsoleOutput console_on(std::FILE* file) {
  const auto shown = std::make_shared<bool>(false);  // a bar
  const auto write = [file](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), file);
    std::fflush(file);
  };
  ConsoleOutput output{.line = [write, shown](const std::string& line) {
    write((std::exchange(*shown, false) ? kErasedLine : "") + line + "\n");
  }};
  const int descriptor = fileno(file);
  if (terminal_columns(descriptor) == 0) return output;
  output.bar = [write, shown](const std::string& line) {
    *shown = true;
    write(replacing(line));
  };
  output.columns = [descriptor] { return terminal_columns(descriptor); };
  output.colour = wants_colour();
  return output;
}

Console::Console(ConsoleOutput output, const std::optional<ConsoleOptions>& options)
    : output_(std::move(output)),
      given_(options),
      options_(checked(options.value_or(ConsoleOptions{}))) {}

void Console::on_train_begin(Orchestrator& run) {
  run_ = &run;
  silent_ = !run.ranks().is_first();
  const RunOptions& keys = run.config().run;
  if (!given_) options_ = {.print_every = keys.print_every, .heartbeat = keys.heartbeat};
  begun_.reset();
  held_back_.clear();
}

void Console::on_epoch_begin(Trainer& /*trainer*/, i64 /*epoch*/) {
  if (!begun_) begun_ = last_line_ = Clock::now();
}

void Console::on_batch_end(Trainer& trainer, const Progress& progress) {
  if (silent_) return;
  const Clock::time_point now = Clock::now();
  if (!begun_) begun_ = last_line_ = now;  // inside an epoch, in a resumed run
  ++batches_done_;
  const auto passed = [&](Clock::time_point since) {
    return std::chrono::duration<double>(now - since).count();
  };
  if (output_.bar) {
    if (passed(last_bar_) < output_.redraw) return;
    last_bar_ = now;
    output_.bar(bar_line(progress_of(trainer, progress), output_.columns(), output_.colour));
  } else if (!bar_only_ && !options_.heartbeat.is_zero() &&
             passed(last_line_) >= options_.heartbeat.amount() &&
             progress.batch < progress.batches) {  // the epoch's own line comes next
    line(heartbeat_line(progress_of(trainer, progress)));
  }
}

LiveProgress Console::progress_of(const Trainer& trainer, const Progress& progress) {
  const StepResult& last = trainer.progress().last_step;
  const i64 epochs = run_ != nullptr ? run_->epochs() : trainer.options().epochs;
  LiveProgress live{.epoch = progress.epoch,
                    .epochs = progress.epoch > epochs ? 0 : epochs,
                    .batch = progress.batch,
                    .batches = progress.batches,
                    .lr = trainer.optimizers().first().lr(),
                    .skipped = trainer.progress().epoch.skipped};
  if (last.epoch == progress.epoch) live.loss = last.epoch_loss;
  if (const optim::LossScaler* scaler = trainer.optimizers().loss_scaler())
    live.loss_scale = scaler->scale();
  if (progress.seconds > 0)
    live.samples_per_second = static_cast<double>(progress.samples) / progress.seconds;
  live.epoch_left = progress.seconds / static_cast<double>(progress.batch) *
                    static_cast<double>(progress.batches - progress.batch);
  // With validations and all else between the batches, as far as there were any.
  if (live.epochs > 0 && batches_done_ > 0)
    live.run_left =
        std::max(live.epoch_left, seconds_since(*begun_) / static_cast<double>(batches_done_) *
                                      batches_left(trainer, progress));
  return live;
}

void Console::on_epoch_end(Trainer& trainer, const EpochResult& result) {
  if (run_ != nullptr) return;  // the validation comes first
  EpochReport report{.train = result, .epochs = trainer.options().epochs};
  if (result.epoch > report.epochs) report.epochs = 0;
  for (const auto& [name, value] : result.metrics) report.metrics["train/" + name] = value;
  on_epoch_end(report);
}

void Console::on_epoch_end(const EpochReport& report) {
  if (silent_ || bar_only_) return;
  held_back_ = epoch_line(report);
  const auto every = static_cast<i64>(options_.print_every.amount());
  const bool last = report.train.epoch == report.epochs || !report.train.complete ||
                    (run_ != nullptr && run_->ends());
  if (last || report.train.epoch % every == 0) line(std::exchange(held_back_, ""));
}

void Console::on_train_end(const RunReport& /*report*/) { finish(); }

void Console::finish() {
  if (!held_back_.empty()) line(std::exchange(held_back_, ""));
}

void Console::line(const std::string& text) {
  last_line_ = Clock::now();
  output_.line(text);
}

void describe(Fields& f, ConsoleOptions& o) {
  f("print_every", o.print_every,
    "print the line of every so many epochs, like 10ep, and that of the last one");
  f("heartbeat", o.heartbeat, "print a line when there was none for so long, like 30s; 0s: never");
  f.rule(o.print_every.is_whole_epochs(), "print_every", "whole epochs, at least 1ep");
}

CallbackRecipe console(const ConsoleOptions& options) {
  return CallbackRecipe::of("console", options);
}

}  // namespace weft::train
