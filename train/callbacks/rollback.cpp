// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "weft/core/json.h"
#include "weft/core/log.h"
#include "weft/nn/serialize.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/checkpoint/optimizer_state.h"

#include <nlohmann/json.hpp>

namespace weft::train {
namespace {

class Rollback final : public Callback {
 public:
  explicit Rollback(const RollbackOptions& options) : options_(options) {}

  void state(State& s) override { s("done", done_)("best_loss", best_loss_); }

  // The initial weights are needed until there is a checkpoint.
  void on_train_begin(Orchestrator& run) override {
    for (const NamedModel& model : run.trainer().models())
      for (const auto& [name, value] : state_of(*model.module))
        initial_[model.name][name] = value.clone();
  }

  void on_batch_end(Trainer&, const Progress& progress) override {
    constexpr i64 kEvery = 16;
    if (options_.diverged == 0 || progress.batch % kEvery != 0) return;
    const double loss = progress.loss();
    if (!(loss > options_.diverged * best_loss_)) return;  // NaN before the first epoch is done
    throw TrainingError(fmt::format(
        "the loss is {:.4g} at batch {} of epoch {}, more than {} times that of the best "
        "epoch, {:.4g}; try a lower learning rate",
        loss, progress.batch, progress.epoch, options_.diverged, best_loss_));
  }
  void on_epoch_end(const EpochReport& report) override {
    best_loss_ = std::min(best_loss_, report.train.loss);
  }
  void on_checkpoint(Orchestrator& run, Snapshot&) override {
    if (!initial_.empty() && run.last_checkpoint()) initial_.clear();
  }

  bool on_failure(Orchestrator& run, const TrainingError& error) override {
    if (done_ == options_.times) return false;
    ++done_;
    const std::optional<std::filesystem::path> last = run.last_checkpoint();
    for (const NamedModel& model : run.trainer().models()) {
      if (last) load(*model.module, (*last / (model.name + ".safetensors")).string());
      else load_state(*model.module, initial_[model.name], "the initial weights");
    }
    const auto reader = last ? std::optional<CheckpointReader>(*last) : std::nullopt;
    for (const ScheduledOptimizer& each : run.trainer().optimizers().all())
      if (reader) restore(*each.optimizer, reader->part(each.name));
      else forget_momentum(*each.optimizer);
    run.trainer().scale_lr(options_.lr_factor);
    log_warning("rollback {} of {}: {}; back to {}, every rate × {}", done_, options_.times,
                error.what(), last ? last->string() : "the initial weights", options_.lr_factor);
    run.metrics_log()->add_event("rollback", run.trainer().optimizer().applied_steps(),
                                 {{"lr_factor", options_.lr_factor}});
    return true;
  }

 private:
  // Restores the optimizer's state of those weights, except the count of steps, by which schedule
  // and checkpoints go.
  static void restore(optim::Optimizer& optimizer, StateRecord record) {
    auto json = parse_json<nlohmann::ordered_json>(record.json, "rollback: the optimizer's state");
    json["applied_steps"] = optimizer.applied_steps();
    record.json = json.dump();
    load_state([&](State& s) { optimizer_state(s, optimizer); }, record, "rollback: optimizer");
  }
  // Trainable parameters start at zero. Stashed state was not part of the initial state.
  static void forget_momentum(optim::Optimizer& optimizer) {
    optim::OptimizerState state = optimizer.state();
    for (const auto& segment : optimizer.parameters().segments())
      if (segment.gradient_offset >= 0) state.parameters.erase(segment.name);
    optimizer.load_state(state);
  }

  RollbackOptions options_;
  std::map<std::string, TensorMap> initial_;  // of each model
  i64 done_ = 0;
  double best_loss_ = std::numeric_limits<double>::infinity();
};

const bool registered = Registry<Callback>::add<Rollback, RollbackOptions>("rollback");

}  // namespace

void describe(Fields& f, RollbackOptions& o) {
  f("lr_factor", o.lr_factor, "of every rate, at each rollback", positive);
  f("times", o.times, "rollbacks before the run is given up", at_least(1));
  f("diverged", o.diverged, "a running loss above this many times the best epoch's; 0: off",
    non_negative);
}

CallbackRecipe rollback(const RollbackOptions& options) {
  return CallbackRecipe::of("rollback", options);
}

}  // namespace weft::train
