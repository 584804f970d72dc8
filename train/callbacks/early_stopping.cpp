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
  void state(State& s) override { s("best", best_)("looks_without", bad_); }

  // Checks once per step, because an application may validate again at the same step.
  void on_validation_end(Orchestrator& run, const Evaluation& evaluation) override {
    const i64 step = run.trainer().optimizer().applied_steps();
    if (evaluation.split != "validation" || std::exchange(looked_at_, step) == step) return;
    for (const auto& [name, value] : evaluation.metrics)
      if ("validation/" + name == options_.monitor) look(value);
  }
  void on_epoch_end(const EpochReport& report) override {
    if (options_.monitor == "train/loss") look(report.metrics.at(options_.monitor));
  }

 private:
  bool better(double value) const {
    if (std::isnan(value)) return false;
    if (!best_) return true;
    return options_.mode == MonitorMode::max ? value > *best_ + options_.min_delta
                                             : value < *best_ - options_.min_delta;
  }

  void look(double value) {
    if (better(value)) {
      best_ = value;
      bad_ = 0;
      return;
    }
    if (++bad_ >= options_.patience)
      run_->stop(fmt::format("early_stopping: {} has not improved on {} for {} looks",
                             options_.monitor, best_ ? fmt::format("{:.6g}", *best_) : "anything",
                             bad_));
  }

  EarlyStoppingOptions options_;
  Orchestrator* run_ = nullptr;
  std::optional<double> best_;
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
