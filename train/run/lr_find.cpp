// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/lr_find.h"

#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/log.h"
#include "weft/tensor/random.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/lr_curve.h"
#include "weft/train/run/run_models.h"

namespace weft::train {

void describe(Fields& f, LrFindOptions& o) {
  f("from", o.from, "learning rate of the first step", positive);
  f("to", o.to, "learning rate of the last step", positive);
  f("steps", o.steps, "optimizer steps", in_range(20, 1e6));
  f.rule(o.from < o.to, "to", "a rate above from");
}

namespace {

// Gives `to` the values of `from`. Both have the same parts, because one config made them.
void copy_state(nn::Module& to, nn::Module& from) {
  const nn::NamedParameters source = from.named_parameters(), target = to.named_parameters();
  WEFT_ASSERT(source.size() == target.size(), "lr-find: {} and {} parameters", source.size(),
              target.size());
  for (std::size_t i = 0; i < source.size(); ++i)
    target[i].variable.value().copy_from(source[i].variable.value());
  const std::vector<nn::NamedBuffer> sources = from.named_buffers(), targets = to.named_buffers();
  WEFT_ASSERT(sources.size() == targets.size(), "lr-find: {} and {} buffers", sources.size(),
              targets.size());
  for (std::size_t i = 0; i < sources.size(); ++i)
    targets[i].buffer->value.copy_from(sources[i].buffer->value);
}

// Drops the messages of what is made a second time; the run has said them.
class SaidBefore {
 public:
  SaidBefore() : sink_(set_log_sink({})) {}
  ~SaidBefore() { set_log_sink(std::move(sink_)); }
  SaidBefore(const SaidBefore&) = delete;
  SaidBefore& operator=(const SaidBefore&) = delete;

 private:
  LogSink sink_;
};

// Copies of what a run trains with. Nothing that happens to them reaches the run.
class Copies {
 public:
  explicit Copies(Orchestrator& run) : config_(run.config()) {
    copy_models(run);
    begin_strategies(run);
  }

  Trainer& trainer() { return *trainer_; }

 private:
  void copy_models(Orchestrator& run) {
    const SaidBefore said_before;
    model_.emplace(copy_of_model(run));
    const bool resumes = run.resumed_from() != nullptr;
    TrainerOptions options = config_.trainer_options();
    options.normalization = run.data().normalization;
    options.epochs = run.epochs();
    options.max_steps = 0;
    options.capture = false;  // the rate changes in each step, and there are few steps
    FurtherModels further = further_models(config_, run.data(), resumes);
    trainer_ = config_.trainer.make(TrainerContext{.model = **model_,
                                                   .loss = config_.objective.loss,
                                                   .options = options,
                                                   .data = run.data().train->info(),
                                                   .models = &further});
    drop_schedules(*trainer_);
    const std::vector<NamedModel> models = trainer_->models(), originals = run.trainer().models();
    WEFT_ASSERT(models.size() == originals.size(), "lr-find: {} and {} models", models.size(),
                originals.size());
    for (std::size_t i = 1; i < models.size(); ++i)  // the first is model_
      copy_state(*models[i].module, *originals[i].module);
  }
  nn::AnyModule copy_of_model(Orchestrator& run) {
    RunConfig plain = config_;
    plain.model.common.pretrained.reset();  // the run's weights replace them
    nn::AnyModule model = build_model(plain, run.data().train->info());
    copy_state(*model, run.model());
    const nn::NamedParameters source = run.model().named_parameters(),
                              target = model->named_parameters();
    for (std::size_t i = 0; i < source.size(); ++i)
      target[i].variable.set_requires_grad(source[i].variable.requires_grad());
    return model;
  }

  // The strategies are not added as observers: no stage begins in the sweep.
  void begin_strategies(Orchestrator& run) {
    data::Loader loader = run.training_loader();
    trainer_->set_epoch_length(loader.batches_per_epoch());
    for (const StrategyRecipe& recipe : config_.strategy) {
      if (!recipe.enabled()) continue;
      strategies_.push_back(recipe.make());
      strategies_.back()->on_setup(*trainer_);
    }
    for (const auto& strategy : strategies_) strategy->on_train_begin(*trainer_);
    for (const auto& strategy : strategies_) strategy->on_epoch_begin(*trainer_, 0);
  }

  RunConfig config_;
  std::optional<nn::AnyModule> model_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<std::unique_ptr<Strategy>> strategies_;
};

// Makes steps at given rates and notes their losses.
class Sweep {
 public:
  Sweep(Orchestrator& run, const LrFindOptions& options,
        const std::function<void(const LrPoint&)>& on_point)
      : options_(options), on_point_(on_point), copies_(run), loader_(run.training_loader()) {
    const double base = trainer().optimizer().base_lr();
    WEFT_CHECK(base > 0,
               "lr-find: optimizer.lr is {}; a rate above 0 is required, because the sweep keeps "
               "the ratios of all rates",
               base);
    for (const ScheduledOptimizer& each : trainer().optimizers().all())
      WEFT_CHECK(each.optimizer->base_lr() > 0,
                 "lr-find: the learning rate of {} is {}; a rate above 0 is required", each.name,
                 each.optimizer->base_lr());
  }

  LrFinding make() {
    LrFinding finding;
    try {
      trainer().begin_epoch(loader_);
      LossWatch watch;
      while (std::ssize(points_) + unweighted_ < options_.steps && finding.ended.empty())
        if (const std::optional<double> loss = step(finding.skipped)) {
          if (watch.diverged(*loss)) finding.ended = "the loss diverged";
        } else if (in_a_row_ >= kMostSkipped) {
          finding.ended = fmt::format("no gradient was finite in {} steps in a row", in_a_row_);
          note(std::numeric_limits<double>::infinity());
        }
    } catch (const TrainingError& error) {
      finding.ended = error.what();
      note(std::numeric_limits<double>::infinity());
    }
    LrFinding result = suggest_lr(std::move(points_));
    result.skipped = finding.skipped;
    result.ended = finding.ended;
    return result;
  }

 private:
  // Each halves the loss scale. From 65,536 down to 1 it takes 16.
  static constexpr i64 kMostSkipped = 30;

  Trainer& trainer() { return copies_.trainer(); }
  double lr_of(i64 i) const {
    const double share = static_cast<double>(i) / static_cast<double>(options_.steps - 1);
    return options_.from * std::pow(options_.to / options_.from, share);
  }
  double lr() const { return lr_of(std::ssize(points_) + unweighted_); }
  void note(double loss) { points_.push_back({.lr = lr(), .loss = loss}); }

  // The losses of the epoch so far, which the state of a trainer has.
  LossTotals totals() {
    save_state(trainer());
    return trainer().progress().epoch.loss;
  }

  void begin_next_epoch() {
    trainer().end_epoch();
    trainer().begin_epoch(loader_);
    before_ = {};
  }

  // Makes a step at the next rate. Returns its loss, or nothing if it was not applied: the next
  // step is made at the same rate, with a lower loss scale.
  std::optional<double> step(i64& skipped) {
    if (trainer().progress().epoch.batches == loader_.batches_per_epoch()) begin_next_epoch();
    trainer().scale_lr(lr() / scaled_to(lr()));
    const i64 applied = trainer().optimizer().applied_steps();
    WEFT_CHECK(trainer().train_step(), "lr-find: the training data gave no batch; one is required");
    const LossTotals after = totals();
    const LossTotals before = std::exchange(before_, after);
    if (trainer().optimizer().applied_steps() == applied) {
      ++skipped;
      ++in_a_row_;
      return std::nullopt;
    }
    in_a_row_ = 0;
    const double weight = after.weight - before.weight;
    if (weight <= 0) {  // loss.ignore_index may leave nothing of a batch
      ++unweighted_;
      return std::nullopt;
    }
    const double loss = (after.sum - before.sum) / weight;
    note(loss);
    if (on_point_) on_point_(points_.back());
    return loss;
  }

  // The rate that the optimizer had, before it is scaled to `lr`.
  double scaled_to(double lr) {
    if (rate_ == 0) rate_ = trainer().optimizer().base_lr();
    return std::exchange(rate_, lr);
  }

  LrFindOptions options_;
  const std::function<void(const LrPoint&)>& on_point_;
  Copies copies_;
  data::Loader loader_;
  std::vector<LrPoint> points_;
  LossTotals before_ = {};
  i64 in_a_row_ = 0, unweighted_ = 0;  // skipped steps; steps without a sample that counts
  double rate_ = 0;                    // of the step before; 0 before the first
};

}  // namespace

LrFinding find_lr(Orchestrator& run, const LrFindOptions& options,
                  const std::function<void(const LrPoint&)>& on_point) {
  LrFindOptions checked = options;
  validate("lr-find", section_ref(checked));
  WEFT_CHECK(data::as_stream(*run.data().train) == nullptr,
             "lr-find: the data is a stream, whose records come once; data that is stored is "
             "required");
  WEFT_CHECK(run.ranks().alone(),
             "lr-find: {} ranks given; one process is required, whose suggestion holds for any "
             "number, because train.batch_size counts the samples of all",
             run.ranks().size());
  WEFT_CHECK(run.resumed_from() == nullptr,
             "lr-find: the run would be resumed from {}, which has not been loaded; resume=never "
             "is required",
             run.resumed_from()->folder().string());
  const KeptRandomState random_state;
  return Sweep(run, checked, on_point).make();
}

}  // namespace weft::train
