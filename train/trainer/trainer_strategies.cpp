// SPDX-License-Identifier: Apache-2.0
// The functions of a Trainer for strategies: freezing, learning rates, rebuilding; and the length
// of schedules.
#include <algorithm>
#include <cmath>

#include "weft/core/checked.h"
#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

// Checks that each trainable parameter of the model is in exactly one segment with a gradient, and
// each frozen one in none. Otherwise a parameter would be updated twice or never.
void check_segments(nn::Module& model, optim::Optimizer& optimizer) {
  i64 trainable = 0;
  for (const nn::NamedParameter& p : model.named_parameters()) {
    i64 segments = 0;
    for (const auto& segment : optimizer.parameters().segments())
      if (segment.leaf == p.variable.leaf_state() && segment.gradient_offset >= 0) ++segments;
    const bool wanted = p.variable.requires_grad();
    trainable += wanted ? 1 : 0;
    WEFT_CHECK(
        segments == (wanted ? 1 : 0),
        "rebuild: '{}' is {} and is in {} segments of the optimizer; a trainable parameter must "
        "be in exactly one, and a frozen one in none (was it replaced after the trainer was "
        "built?)",
        p.name, wanted ? "trainable" : "frozen", segments);
  }
  WEFT_CHECK(trainable > 0,
             "rebuild: all parameters are frozen; at least one that trains is required");
}

}  // namespace

i64 Trainer::set_requires_grad(const std::string& glob, bool on) {
  const nn::NamedParameters parameters = named_parameters();
  std::vector<std::string> names;
  for (const nn::NamedParameter& p : parameters) names.push_back(p.name);
  const std::vector<std::string> patterns{glob};
  const std::vector<i64> matched = glob_select("set_requires_grad", patterns, names);
  for (const i64 i : matched)
    parameters[static_cast<std::size_t>(i)].variable.set_requires_grad(on);
  return static_cast<i64>(matched.size());
}

void Trainer::add_optimizer(const std::string& name, nn::NamedParameters parameters,
                            const optim::OptimizerRecipe& optimizer,
                            const optim::ScheduleRecipe& scheduler) {
  optimizers_.add(name, std::move(parameters), optimizer, scheduler);
  if (!options_.capture || is_cpu(optimizers().device())) return;
  runner_ = make_runner(false);
  log_warning("capture: the trainer has {} optimizers; steps run op by op",
              optimizers_.all().size());
}

void drop_schedules(Trainer& trainer) {
  trainer.synchronize();
  trainer.optimizers_.drop_schedules();
}

void Trainer::observe(const std::string& metric, double value) {
  synchronize();
  optimizers_.observe(metric, value);
}

void Trainer::set_lr_factors(const std::vector<LrFactor>& factors) {
  std::vector<std::string> names;
  for (const auto& segment : optimizer().parameters().segments()) names.push_back(segment.name);
  std::vector<double> each(names.size(), 1.0);
  for (const LrFactor& factor : factors)
    for (const i64 i : glob_select("lr_factor", factor.match, names))
      each[static_cast<std::size_t>(i)] = factor.lr_factor;
  optimizer().set_lr_factors(std::move(each));
}

void Trainer::scale_lr(double factor) { optimizers_.scale_lr(factor); }

void Trainer::set_input_transform(std::function<Tensor(const Tensor&)> transform) {
  step_.set_input_transform(std::move(transform));
  invalidate_graphs();
}

bool Trainer::reached(const Duration& at) const {
  const bool whole_epochs = at.in_epochs() && at.amount() == std::floor(at.amount());
  if (at.is_zero()) return true;
  if (whole_epochs) return static_cast<double>(progress_.epochs_done) >= at.amount();
  const i64 steps_per_epoch = optimizers_.length().steps_per_epoch;
  WEFT_ASSERT(steps_per_epoch > 0, "reached({}): the length of an epoch is not known yet",
              at.to_string());
  return progress_.steps_begun >= at.steps(steps_per_epoch);
}

optim::RebuildReport Trainer::rebuild_optimizer_and_scheduler() {
  synchronize();
  // Only the schedule of the model's optimizer starts again, because strategies control no other.
  const bool restart =
      options_.on_rebuild == OnRebuild::restart && optimizers_.all().front().schedule != nullptr;
  optim::RebuildReport report = optimizers_.rebuild();
  invalidate_graphs();
  check_segments(model_, optimizer());
  if (restart) optimizers_.restart_schedule();
  log_info("optimizer rebuilt: state of {} parameters kept, {} created, {} stashed, {} restored{}",
           report.kept.size(), report.created.size(), report.stashed.size(), report.restored.size(),
           restart ? "; schedule restarted" : "");
  observers_.notify(*this, &TrainerObserver::on_rebuild, report);
  return report;
}

void Trainer::set_epoch_length(i64 batches) {
  set_steps_per_epoch((batches + options_.accumulate - 1) / options_.accumulate);
}

void Trainer::set_steps_per_epoch(i64 steps) {
  WEFT_CHECK(steps >= 1, "Trainer: an epoch of {} steps given; at least 1 is required", steps);
  const bool limited = options_.max_steps > 0;
  const i64 total =
      limited ? std::min(saturating_product(steps, options_.epochs), options_.max_steps)
              : checked_product("Trainer: steps per epoch × epochs", steps, options_.epochs);
  optimizers_.set_length({.steps_per_epoch = steps, .steps = total});
}

}  // namespace weft::train
