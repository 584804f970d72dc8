// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <utility>

#include "weft/core/json.h"
#include "weft/core/log.h"
#include "weft/nn/serialize.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/checkpoint/optimizer_state.h"

#include <nlohmann/json.hpp>

namespace weft::train {
namespace {

constexpr double kRange = 100;

// The weights and the optimizer state that a rollback goes back to, on the host.
struct RollbackTarget {
  i64 step = 0;
  double score = std::numeric_limits<double>::quiet_NaN();  // score_of() of its checkpoint
  std::map<std::string, TensorMap> weights = {};            // of each model
  struct Optimizer {
    std::string json;
    std::map<std::string, Tensor> tensors;
    void state(State& s) { s("json", json)("tensors", tensors); }
  };
  std::map<std::string, Optimizer> optimizers = {};  // empty: the initial weights
  void state(State& s) {
    s.within("step", step, 0, kMostSaved)("score", score);
    s("weights", weights)("optimizers", optimizers);
  }
};

std::map<std::string, Tensor> on_host(const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, Tensor> copies;
  for (const auto& [name, tensor] : tensors)
    copies[name] = is_cpu(tensor.device()) ? tensor.clone() : tensor.to(Device{Cpu{}});
  return copies;
}

RollbackTarget initial_target(Trainer& trainer) {
  RollbackTarget target;
  for (const NamedModel& model : trainer.models())
    target.weights[model.name] = on_host(state_of(*model.module));
  return target;
}

RollbackTarget current_target(Trainer& trainer, double score) {
  RollbackTarget target = initial_target(trainer);
  target.step = trainer.optimizer().applied_steps();
  target.score = score;
  for (const ScheduledOptimizer& each : trainer.optimizers().all()) {
    const StateRecord record =
        save_state([&its = *each.optimizer](State& s) { optimizer_state(s, its); });
    target.optimizers[each.name] = {record.json, on_host(record.tensors)};
  }
  return target;
}

RollbackTarget target_in(const CheckpointReader& checkpoint, double score, Trainer& trainer) {
  RollbackTarget target{.step = checkpoint.about().step, .score = score};
  for (const NamedModel& model : trainer.models())
    target.weights[model.name] = read_safetensors(checkpoint.file(weights_file(model.name)));
  for (const ScheduledOptimizer& each : trainer.optimizers().all()) {
    const StateRecord& record = checkpoint.part(each.name);
    target.optimizers[each.name] = {record.json, record.tensors};
  }
  return target;
}

class Rollback final : public Callback {
 public:
  explicit Rollback(const RollbackOptions& options) : options_(options) {}

  void state(State& s) override {
    s.within("done", done_, 0, static_cast<double>(options_.times))("best_loss", best_loss_);
    if (!s.has("lowest_loss")) return;  // a run of an older weft, which went back to this one
    std::optional<RollbackTarget> other;
    if (!is_in_checkpoint_) other = target_;
    s("lowest_loss", lowest_loss_)("target", other);
    if (!s.loading()) return;
    is_in_checkpoint_ = !other.has_value();
    if (other) target_ = std::move(*other);
  }

  void on_train_begin(Orchestrator& run) override {
    const CheckpointReader* from = run.resumed_from();
    if (from == nullptr) target_ = initial_target(run.trainer());
    else if (is_in_checkpoint_)
      target_ =
          target_in(*from, score_of(run.config().checkpoint, from->about().metrics), run.trainer());
    is_in_checkpoint_ = false;
    if (!std::isfinite(lowest_loss_)) keep_lowest(loss_now(run));
  }

  void on_due_checkpoint(Orchestrator& run, const std::map<std::string, double>& metrics) override {
    const double loss = loss_now(run), score = score_of(run.config().checkpoint, metrics);
    if (!in_range(loss)) {
      if (!std::exchange(out_of_range_, true))
        log_warning(
            "rollback: the loss of the first training samples is {:.4g} after step {}, and was "
            "{:.4g}; no rollback goes back to this checkpoint",
            loss, run.trainer().optimizer().applied_steps(), lowest_loss_);
      return;
    }
    out_of_range_ = false;
    keep_lowest(loss);
    if (options_.to == RollbackTo::best && !(score > target_.score) && !std::isnan(target_.score))
      return;
    target_ = current_target(run.trainer(), score);
    taken_ = true;
  }
  void on_checkpoint(Orchestrator&, Snapshot&) override {
    is_in_checkpoint_ = std::exchange(taken_, false);
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

  bool on_failure(Orchestrator& run, const TrainingError& error) override {
    if (done_ == options_.times) return false;
    ++done_;
    for (const NamedModel& model : run.trainer().models())
      load_state(*model.module, target_.weights.at(model.name), "rollback: " + model.name);
    for (const ScheduledOptimizer& each : run.trainer().optimizers().all()) {
      const auto saved = target_.optimizers.find(each.name);
      if (saved == target_.optimizers.end()) forget_momentum(*each.optimizer);
      else restore(*each.optimizer, {saved->second.json, saved->second.tensors});
    }
    run.trainer().scale_lr(options_.lr_factor);
    log_warning("rollback {} of {}: {}; back to the {}, every learning rate × {}", done_,
                options_.times, error.what(),
                target_.optimizers.empty() ? "initial weights"
                                           : fmt::format("weights of step {}", target_.step),
                options_.lr_factor);
    run.metrics_log()->add_event(
        "rollback", run.trainer().optimizer().applied_steps(),
        {{"lr_factor", options_.lr_factor}, {"to_step", static_cast<double>(target_.step)}});
    return true;
  }

 private:
  static double loss_now(Orchestrator& run) {
    return run.loss_of_first(run.config().train.batch_size);
  }
  bool in_range(double loss) const {
    if (!std::isfinite(loss)) return false;
    return !std::isfinite(lowest_loss_) ||
           loss <= lowest_loss_ + (kRange - 1) * std::abs(lowest_loss_);
  }
  void keep_lowest(double loss) {
    if (std::isfinite(loss)) lowest_loss_ = std::min(lowest_loss_, loss);
  }
  // Restores the optimizer's state of those weights, except the count of steps, by which schedule
  // and checkpoints go.
  static void restore(optim::Optimizer& optimizer, StateRecord record) {
    auto json = parse_json<nlohmann::ordered_json>(record.json, "rollback: the optimizer's state");
    WEFT_CHECK(json.is_object(), "rollback: the optimizer's state is no JSON object");
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
  RollbackTarget target_;
  // Whether target_ has the weights and the state of the checkpoint that is written, or was read.
  bool is_in_checkpoint_ = true;
  bool taken_ = false;         // target_, for the checkpoint that is about to be written
  bool out_of_range_ = false;  // the last loss; a warning was logged
  double lowest_loss_ = std::numeric_limits<double>::infinity();
  i64 done_ = 0;
  double best_loss_ = std::numeric_limits<double>::infinity();
};

const bool registered = Registry<Callback>::add<Rollback, RollbackOptions>("rollback");

}  // namespace

void describe(Fields& f, RollbackOptions& o) {
  f("lr_factor", o.lr_factor, "of every learning rate, at each rollback", positive);
  f("times", o.times, "rollbacks before the run is given up", at_least(1));
  f("diverged", o.diverged, "a running loss above this many times the best epoch's; 0: off",
    non_negative);
  f("to", o.to, "the checkpoint to go back to, of those that checkpoint.every made due");
}

CallbackRecipe rollback(const RollbackOptions& options) {
  return CallbackRecipe::of("rollback", options);
}

}  // namespace weft::train
