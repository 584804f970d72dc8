// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainer.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "weft/core/log.h"
#include "weft/tensor/random.h"

namespace weft::train {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(nn::Module& model, const LossRecipe& loss, const TrainerOptions& options)
    : model_(model), options_(options), loss_(loss.make()), precision_(*options.precision.make()) {
  validate("Trainer", section_ref(options_));
  if (precision_.loss_scaling) scaler_.emplace(*precision_.loss_scaling);
  const nn::NamedParameters parameters = model_.named_parameters();
  WEFT_CHECK(!parameters.empty(),
             "Trainer: the model has no parameters; there is nothing to train");
  device_ = parameters.front().variable.device();
  optimizers_.push_back({"optimizer", options_.optimizer.make(parameters), options_.scheduler});
  loss_sum_ = Tensor::zeros({}, DType::f64, device_);
  if (options_.capture) set_up_capture();
  if (options_.accumulate == 1) return;
  if (const std::string batch_norm = first_batch_norm(); !batch_norm.empty())
    log_warning(
        "accumulate: {} batches make a step, but batch norm ({}) sees each of them alone: the step "
        "is not that of one large batch",
        options_.accumulate, batch_norm);
}

Trainer::~Trainer() = default;

Variable Trainer::compute_loss(const Variable& x, const Tensor& target) {
  return loss_->forward(model_(x), target);
}

// Note [Several optimizers]
// A trainer of another kind may have optimizers besides the run's, each for parameters of its own, say of a second
// model (add_optimizer). There is one loss, whose gradients all of them step on at the same moment; a loss that is
// one's alone is a term whose other gradients are cut or turned round (train/trainer/adversarial.cpp). Each steps on
// its own terms: its kind and rate, its schedule by its own count of applied steps, the norm of its own gradients to
// clip by; and where its gradients are not finite it alone skips the step. The loss scale they share falls when any
// of them did, as PyTorch's GradScaler has it.
// Checkpoints and rollback have each by name. max_steps, validation and the lines of a run go by the run's own.
void Trainer::begin_update(double grad_scale) {
  for (ScheduledOptimizer& each : optimizers_) {
    each.set_rates(each.rates(each.optimizer->applied_steps(), lr_scale_));
    each.optimizer->begin_step({.clip_norm = options_.clip_norm,
                                .clip_value = options_.clip_value,
                                .grad_scale = grad_scale,
                                .skip_non_finite = scaler_.has_value()});
  }
}

optim::StepOutcome Trainer::finish_update() {
  std::optional<optim::StepOutcome> first;
  bool all_finite = true;
  for (ScheduledOptimizer& each : optimizers_) {
    const optim::StepOutcome outcome = each.optimizer->finish_step();
    all_finite = all_finite && outcome.applied;
    if (!first) first = outcome;
  }
  if (captured_) captured_->state_changed();
  if (scaler_) scaler_->update(!all_finite);
  return *first;
}

void Trainer::zero_grad() {
  for (ScheduledOptimizer& each : optimizers_) each.optimizer->zero_grad();
}

void Trainer::prepare(const data::Dataset& dataset) {
  if (!input_)
    input_.emplace(dataset, options_.normalization, device_,
                   optimizer().parameters().values().dtype());
  else if (input_->read_from(dataset)) forget_graphs();
  model_.train();
}

InputPipeline::Prepared Trainer::input_of(const data::Batch& batch) const {
  InputPipeline::Prepared prepared = (*input_)(batch);
  if (input_transform_) prepared.x = Variable(input_transform_(prepared.x.value()));
  return prepared;
}

Variable Trainer::loss_of(const BatchInProgress& batch) {
  set_random_step(options_.seed, batch.step, batch.first_sample);
  const auto [x, target] = input_of(batch.batch);
  return loss_of(x, target);
}

Variable Trainer::loss_of(const Variable& x, const Tensor& target) {
  const Autocast autocast(precision_.products, casts_);
  return compute_loss(x, target);
}

double Trainer::step(const data::Batch& batch, const data::Loader& loader) {
  settle();
  build_schedule(loader.batches_per_epoch());
  prepare(loader.dataset());
  zero_grad();
  casts_.clear();
  nn::StatisticsScope statistics;
  const Variable loss = loss_of({batch, epochs_done_ + 1, 1, steps_begun_, 0});
  ++steps_begun_;
  const double scale = loss_scale();
  loss.backward(Tensor::full(loss.shape(), scale, loss.dtype(), device_));
  begin_update(1 / scale);
  statistics.commit_unless(optimizer().skip_flag());
  finish_update();
  return loss.value().item<double>();
}

// Note [Accumulation]
// The gradient of a step is that of the mean loss over all its samples, however they are cut into
// batches: Σ w·∇L / Σ w, where L is the mean loss of a batch and w the weight it divides by
// (Loss::weight: its samples, or fewer where some are ignored). So a last short batch, or a last short
// step, counts by what is in it. Backward starts from w / w₁, with w₁ the weight of the step's first
// batch, which is 1 for batches of one size; the update multiplies with w₁ / Σ w. The loss scale, where
// there is one (Note [Loss scaling]), multiplies the start and divides the update.
void Trainer::begin_step() {
  notify(&TrainerObserver::on_step_begin, steps_begun_);
  casts_.clear();  // the update has written the weights, or whoever was called in between
  window_.is_captured =
      captured_ && batch_parts_ == 1 && !anyone(&TrainerObserver::needs_gradients);
  if (!window_.is_captured) collect(0);  // its loss scale and rate are the host's
}

// Note [The outcome of a step]
// Whether a step that clips or scales was skipped, a GPU knows when it is through with it, and the host asks when
// it has to know: for the loss scale of the next step, which its backward pass starts from, and for the next rate. By
// then the device has the next forward pass, or the whole of the next step, to go on with. A captured step
// needs neither (Note [Captured steps]).

// The step of the gradients that are there, or of the batches that were held.
void Trainer::end_step(nn::StatisticsScope& statistics) {
  settle();
  if (window_.is_captured) add_gradients_of_held();
  const bool is_step = window_.weight > 0;
  if (is_step) {
    const double scale = window_.first_weight / window_.weight / loss_scale();
    notify(&TrainerObserver::on_gradients, scale);
    begin_update(scale);
    statistics.commit_unless(optimizer().skip_flag());
  }
  statistics.commit(true);  // of a step that was none
  zero_grad();
  ++steps_begun_;
  window_ = {};
  if (!is_step) return note({.applied = false});
  outcome_due_ = true;
  if (!optimizer().outcome_on_device() || anyone(&TrainerObserver::needs_outcome)) settle();
}

void Trainer::settle() {
  collect(0);
  if (std::exchange(outcome_due_, false)) note(finish_update());
}

void Trainer::note(const optim::StepOutcome& outcome) {
  outcome.applied ? ++epoch_.steps : ++epoch_.skipped;
  if (observers_.empty()) return;
  const Clock::time_point observed = Clock::now();
  notify(&TrainerObserver::on_step_end, outcome);
  seconds_observed_ += seconds_since(observed);
}

EpochResult Trainer::train_one_epoch(data::Loader& loader) {
  settle();
  build_schedule(loader.batches_per_epoch());
  prepare(loader.dataset());
  zero_grad();
  if (!std::exchange(goes_on_, false)) epoch_ = {};
  window_ = {};
  const data::LoaderPosition stands = loader.position(), goes_on{epochs_done_, epoch_.batches};
  WEFT_CHECK(epoch_.batches == 0 || stands == goes_on,
             "train_one_epoch: the loader stands at batch {} of epoch {}; {} of {}, where the "
             "epoch was broken off, is required",
             stands.batch, stands.epoch, goes_on.batch, goes_on.epoch);

  EpochResult result{.epoch = epochs_done_ + 1, .complete = false};
  running_.emplace(loss_sum_, epoch_.loss);
  nn::StatisticsScope
      statistics;  // batch-norm statistics move with the step, never on a skipped one
  const Clock::time_point start = Clock::now();
  const double seconds_before = epoch_.seconds;
  seconds_observed_ = 0;
  const auto seconds = [&] { return seconds_before + seconds_since(start) - seconds_observed_; };
  const i64 batches = loader.batches_per_epoch();
  for (const data::Batch& batch : loader) {
    if (window_.batches == 0 && (stop_.stop_requested() || limit_reached())) break;
    if (window_.batches == 0) begin_step();
    // Masks depend on the step and the sample's place in it, not on how the batch is cut.
    const BatchInProgress place{batch, result.epoch, epoch_.batches + 1, steps_begun_,
                                window_.samples};
    notify(&TrainerObserver::on_batch_begin, place);
    if (window_.is_captured)
      window_.held.push_back({batch, place.number, place.first_sample, loss_->weight(batch.y)});
    else if (options_.out_of_memory == OnOutOfMemory::split)
      add_gradients_as_memory_allows(place, statistics);
    else add_gradients(place);
    window_.samples += batch.x.size(0);
    epoch_.samples += batch.x.size(0);
    ++window_.batches;
    ++epoch_.batches;
    const bool settles = window_.batches == options_.accumulate || epoch_.batches == batches;
    if (settles && !(window_.is_captured && run_captured(loader))) end_step(statistics);
    if (observers_.empty()) continue;
    epoch_.seconds = seconds();
    notify(&TrainerObserver::on_batch_end,
           Progress{result.epoch, epoch_.batches, batches, epoch_.samples, epoch_.seconds,
                    [&] { return running_->mean(); }});
    if (!settles) continue;
    const Clock::time_point observed = Clock::now();
    notify(&TrainerObserver::on_step_settled);
    seconds_observed_ += seconds_since(observed);
  }
  settle();
  epoch_.seconds = seconds();
  finish(result, epoch_.batches == batches);
  result.seconds_waited = loader.seconds_waited();
  return result;
}

bool Trainer::limit_reached() {
  if (options_.max_steps == 0) return false;
  if (optimizer().applied_steps() + steps_in_flight() >= options_.max_steps) settle();
  return optimizer().applied_steps() >= options_.max_steps;
}

// What an epoch that was broken off has done is kept, for a checkpoint.
void Trainer::finish(EpochResult& result, bool complete) {
  result.complete = complete;
  result.loss = running_->mean();
  result.lr = optimizer().lr();
  result.steps = epoch_.steps;
  result.skipped = epoch_.skipped;
  result.samples = epoch_.samples;
  result.seconds = epoch_.seconds;
  result.samples_per_second =
      result.seconds > 0 ? static_cast<double>(result.samples) / result.seconds : 0;
  if (!complete) return;
  ++epochs_done_;
  epoch_ = {};
  running_.reset();
}

}  // namespace weft::train
