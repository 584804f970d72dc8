// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer.h"

#include <chrono>
#include <cmath>

#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/nn/statistics.h"
#include "weft/tensor/random.h"
#include "weft/train/running_loss.h"

namespace weft::train {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(const TrainerOptions& o) {
  WEFT_CHECK(o.epochs >= 1, "Trainer: epochs is {}; at least 1 is required", o.epochs);
  WEFT_CHECK(o.accumulate >= 1, "Trainer: accumulate is {}; at least 1 is required", o.accumulate);
  WEFT_CHECK(o.clip_norm >= 0, "Trainer: clip_norm is {}; 0 (off) or more is required",
             o.clip_norm);
  WEFT_CHECK(o.max_steps >= 0, "Trainer: max_steps is {}; 0 (no limit) or more is required",
             o.max_steps);
}

}  // namespace

Trainer::Trainer(nn::Module& model, const LossRecipe& loss, const TrainerOptions& options)
    : model_(model), options_(options), loss_(loss.make()) {
  check(options_);
  const nn::NamedParameters parameters = model_.named_parameters();
  WEFT_CHECK(!parameters.empty(),
             "Trainer: the model has no parameters; there is nothing to train");
  device_ = parameters.front().variable.device();
  optimizer_ = options_.optimizer.make(parameters);
}

Trainer::~Trainer() = default;

i64 Trainer::set_requires_grad(const std::string& glob, bool on) {
  const nn::NamedParameters parameters = model_.named_parameters();
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : parameters) names.push_back(p.name);
  const std::vector<std::string> patterns{glob};
  const std::vector<i64> matched = glob_select("set_requires_grad", patterns, names);
  for (const i64 i : matched)
    parameters[static_cast<std::size_t>(i)].variable.set_requires_grad(on);
  return static_cast<i64>(matched.size());
}

optim::RebuildReport Trainer::rebuild_optimizer_and_scheduler() {
  optim::RebuildReport report = optimizer_->rebuild();
  log_info("optimizer rebuilt: state of {} parameters kept, {} created, {} parked, {} returned",
           report.kept.size(), report.created.size(), report.parked.size(), report.returned.size());
  return report;
}

void Trainer::build_schedule(i64 batches_per_epoch) {
  const i64 steps = (batches_per_epoch + options_.accumulate - 1) / options_.accumulate;
  if (schedule_ != nullptr && steps == steps_per_epoch_) return;
  steps_per_epoch_ = steps;
  i64 total = steps * options_.epochs;
  if (options_.max_steps > 0) total = std::min(total, options_.max_steps);
  schedule_ = options_.scheduler.make(optim::ScheduleSpan{steps, std::max<i64>(1, total)});
}

void Trainer::apply_schedule() {
  const i64 step = optimizer_->applied_steps();
  optimizer_->set_lr(optimizer_->base_lr() * schedule_->lr_factor(step));
  if (const std::optional<double> momentum = schedule_->momentum(step))
    optimizer_->set_momentum(*momentum);
}

Variable Trainer::compute_loss(const Variable& x, const Tensor& target) {
  return loss_->forward(model_(x), target);
}

optim::StepOutcome Trainer::update(i64 micro_batches) {
  apply_schedule();
  return optimizer_->step(
      {.clip_norm = options_.clip_norm, .grad_scale = 1.0 / static_cast<double>(micro_batches)});
}

void Trainer::prepare(const data::Loader& loader) {
  build_schedule(loader.batches_per_epoch());
  if (!input_) input_.emplace(loader.dataset().info(), options_.normalization, device_);
  model_.train();
  optimizer_->zero_grad();
}

double Trainer::step(const data::Batch& batch, const data::Loader& loader) {
  prepare(loader);
  nn::StatisticsScope statistics;
  set_random_step(options_.seed, steps_begun_++);
  const auto [x, target] = (*input_)(batch);
  const Variable loss = compute_loss(x, target);
  loss.backward();
  statistics.commit(!update(1).applied);
  return loss.value().item<double>();
}

EpochResult Trainer::train_one_epoch(data::Loader& loader) {
  prepare(loader);

  EpochResult result{.epoch = epochs_done_ + 1, .complete = false};
  RunningLoss running(device_);
  nn::StatisticsScope
      statistics;  // batch-norm statistics move with the step, never on a skipped one
  const Clock::time_point start = Clock::now();
  const i64 batches = loader.batches_per_epoch();
  const auto limit_reached = [&] {
    return options_.max_steps > 0 && optimizer_->applied_steps() >= options_.max_steps;
  };
  i64 micro_batches = 0, done = 0, window_samples = 0;
  for (const data::Batch& batch : loader) {
    if (stop_.stop_requested() || limit_reached()) break;
    // Masks depend on the step and the sample's place in it, not on how the batch is cut.
    set_random_step(options_.seed, steps_begun_, window_samples);
    const auto [x, target] = (*input_)(batch);
    const Variable loss = compute_loss(x, target);
    const i64 samples = batch.x.size(0);
    window_samples += samples;
    running.add(loss.value(), samples);
    running.check_finite(result.epoch, done + 1);
    loss.backward();
    ++micro_batches;
    ++done;
    result.samples += samples;
    if (micro_batches == options_.accumulate || done == batches) {
      const optim::StepOutcome outcome = update(micro_batches);
      statistics.commit(!outcome.applied);
      outcome.applied ? ++result.steps : ++result.skipped;
      optimizer_->zero_grad();
      ++steps_begun_;
      micro_batches = window_samples = 0;
    }
    if (progress_)
      progress_(
          {done, batches, result.samples, seconds_since(start), [&] { return running.mean(); }});
  }
  result.complete = done == batches;
  result.loss = running.mean();
  result.lr = optimizer_->lr();
  result.seconds = seconds_since(start);
  result.samples_per_second =
      result.seconds > 0 ? static_cast<double>(result.samples) / result.seconds : 0;
  result.seconds_waited = loader.seconds_waited();
  if (result.complete) ++epochs_done_;
  return result;
}

}  // namespace weft::train
