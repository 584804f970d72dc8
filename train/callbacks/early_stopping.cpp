// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>
#include <utility>

#include "weft/train/callbacks/callbacks.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

class EarlyStopping final : public Callback {
 public:
  explicit EarlyStopping(const EarlyStoppingOptions& options) : options_(options) {}

  void on_setup(Orchestrator& run) override {
    run_ = &run;
    run.check_monitor("early_stopping.monitor", options_.monitor);
  }
  void state(State& s) override {
    s("best", best_).within("looks_without", bad_, 0, kMostSaved);
    if (s.has("best_epoch")) s.within("best_epoch", best_epoch_, 0, kMostSaved);
  }

  // Checks once per step, because an application may validate again at the same step.
  void on_validation_end(Orchestrator& run, const Evaluation& evaluation) override {
    const i64 step = run.trainer().optimizer().applied_steps();
    if (evaluation.split != "validation" || std::exchange(looked_at_, step) == step) return;
    const TrainingProgress& progress = run.trainer().progress();
    const i64 epoch = progress.epochs_done + (progress.epoch.batches > 0 ? 1 : 0);
    for (const auto& [name, value] : evaluation.metrics)
      if ("validation/" + name == options_.monitor) look(value, epoch);
  }
  void on_epoch_end(const EpochReport& report) override {
    if (!options_.monitor.starts_with("train/")) return;
    if (const auto found = report.metrics.find(options_.monitor); found != report.metrics.end())
      look(found->second, report.train.epoch);
  }

 private:
  bool better(double value) const {
    if (std::isnan(value)) return false;
    if (!best_) return true;
    return options_.mode == MonitorMode::max ? value > *best_ + options_.min_delta
                                             : value < *best_ - options_.min_delta;
  }

  void look(double value, i64 epoch) {
    if (better(value)) {
      best_ = value;
      best_epoch_ = epoch;
      bad_ = 0;
      return;
    }
    if (++bad_ >= options_.patience)
      run_->stop(fmt::format(
          "early_stopping: {} has not improved on {}{} for {} looks; the last was in epoch {}",
          options_.monitor, best_ ? fmt::format("{:.6g}", *best_) : "anything",
          best_epoch_ > 0 ? fmt::format(" of epoch {}", best_epoch_) : "", bad_, epoch));
  }

  EarlyStoppingOptions options_;
  Orchestrator* run_ = nullptr;
  std::optional<double> best_;
  i64 best_epoch_ = 0;  // 0: none, or that of a run of an older weft
  i64 bad_ = 0;         // checks since the best
  i64 looked_at_ = -1;  // the step of the last validation
};

const bool registered =
    Registry<Callback>::add<EarlyStopping, EarlyStoppingOptions>("early_stopping");

}  // namespace

void describe(Fields& f, EarlyStoppingOptions& o) {
  f("monitor", o.monitor, "metric to watch, like validation/accuracy or train/loss");
  f("mode", o.mode, kMonitorModeHelp);
  f("patience", o.patience, "looks without improvement that end the run", at_least(1));
  f("min_delta", o.min_delta, "a change up to this is no improvement", non_negative);
}

CallbackRecipe early_stopping(const EarlyStoppingOptions& options) {
  return CallbackRecipe::of("early_stopping", options);
}

}  // namespace weft::train
