// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "weft/core/clock.h"
#include "weft/core/log.h"
#include "weft/dist/process_group.h"
#include "weft/tensor/random.h"
#include "weft/train/metrics/monitor_modes.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

TrainerOptions checked(TrainerOptions options) {
  validate("Trainer", section_ref(options));
  set_monitor_modes(&options.scheduler, "scheduler");
  const dist::ProcessGroup* ranks = options.ranks.group;
  WEFT_CHECK(
      ranks == nullptr || options.out_of_memory == OnOutOfMemory::error,
      "train.out_of_memory: split given for {} ranks; error is required, because ranks would "
      "split their batches differently",
      ranks->size());
  return options;
}

// The parameters of the loss are on the device of the model, and have its dtype.
LossModule placed_loss(const LossRecipe& recipe, nn::Module& model) {
  LossModule loss(make_loss(recipe));
  const nn::NamedParameters parameters = model.named_parameters();
  WEFT_CHECK(!parameters.empty(),
             "Trainer: the model has no parameters; there is nothing to train");
  loss.to(parameters.front().variable.dtype());
  loss.to(parameters.front().variable.device());
  return loss;
}

ScheduledOptimizer first_optimizer(nn::Module& model, LossModule& loss,
                                   const TrainerOptions& options) {
  nn::NamedParameters parameters = model.named_parameters();
  for (nn::NamedParameter& p : loss.named_parameters()) {
    p.name = "loss." + p.name;
    for (const nn::NamedParameter& other : parameters)
      WEFT_CHECK(other.name != p.name,
                 "Trainer: the model and the loss both have a parameter '{}'; a name that is not "
                 "that of the loss is required",
                 p.name);
    parameters.push_back(p);
  }
  return {"optimizer", options.optimizer.make(parameters), options.scheduler};
}

// A trainer or a loss of a plugin may give what is none.
Variable checked_loss(Variable loss) {
  WEFT_CHECK(
      loss.defined(),
      "Trainer: compute_loss() gave an undefined Variable; a loss of one element is required");
  WEFT_CHECK(loss.shape().elements() == 1,
             "Trainer: compute_loss() gave {}; a loss of one element is required", loss.shape());
  return loss;
}
double checked_weight(double weight) {
  WEFT_CHECK(std::isfinite(weight) && weight >= 0,
             "Trainer: weight() of the loss gave {} for a batch; a finite number of at least 0 is "
             "required",
             weight);
  return weight;
}

StepResult result_of(const StepInput& input, std::span<const kernels::StepReport> reports) {
  const kernels::StepReport& of_step = reports.back();
  return {.epoch = input.epoch,
          .batch = input.micro_batches.back().batch_idx,
          .step = input.step + 1,
          .loss = LossTotals{of_step.step_loss, of_step.step_weight}.mean(),
          .epoch_loss = LossTotals{of_step.loss_sum, of_step.weight_sum}.mean(),
          .lr = reports.front().rates.lr,
          .applied = reports.front().applied};
}

}  // namespace

Trainer::Trainer(nn::Module& model, const LossRecipe& loss, const TrainerOptions& options)
    : model_(model),
      options_(checked(options)),
      loss_(placed_loss(loss, model)),
      optimizers_(first_optimizer(model, loss_, options_), options_.precision.make()->loss_scaling),
      step_(model, optimizers_,
            {.loss = [this](const Variable& x,
                            const Tensor& target) { return checked_loss(compute_loss(x, target)); },
             .compute_dtype = options_.precision.make()->compute_dtype,
             .normalization = options_.normalization,
             .clip_norm = options_.clip_norm,
             .clip_value = options_.clip_value,
             .seed = options_.seed,
             .ranks = options_.ranks}),
      runner_(make_runner(options_.capture)),
      in_flight_(optimizers().device()) {
  if (options_.accumulate == 1) return;
  if (const std::string batch_norm = first_batch_norm(model_); !batch_norm.empty())
    log_warning(
        "accumulate: {} batches make a step, but batch norm ({}) sees each of them alone: the step "
        "is not that of one large batch",
        options_.accumulate, batch_norm);
}

Trainer::~Trainer() = default;

std::unique_ptr<StepRunner> Trainer::make_runner(bool capture) {
  auto runner = split_runner(
      step_, direct_runner(step_),
      {.on_out_of_memory = options_.out_of_memory == OnOutOfMemory::split,
       .weight = [this](const Tensor& y) { return checked_weight(this->loss().weight(y)); }});
  if (!capture) return runner;
  if constexpr (kHasCuda)
    if (!is_cpu(optimizers().device())) return graph_runner(step_, std::move(runner));
  log_warning("capture: the model is on the {}, which has no graphs; steps run op by op",
              name_of(optimizers().device()));
  return runner;
}

Variable Trainer::compute_loss(const Variable& x, const Tensor& target) {
  const Variable outputs = outputs_of(x, more());
  measure(outputs, target);
  return loss()(outputs, target);
}

Variable Trainer::outputs_of(const Variable& x, const TensorTree& /*more*/) { return model_(x); }

StepCounters Trainer::counters() const {
  return {in_flight_.size(), runner_->batch_parts(), runner_->graphs(), runner_->launches()};
}

Variable Trainer::loss_of(const BatchInProgress& batch) {
  set_random_step(options_.seed, batch.step, batch.first_sample);
  return step_.loss_of(batch.batch);
}

// Notifies observers of the micro-batches of a step, and updates the progress.
class Trainer::Events final : public StepEvents {
 public:
  Events(Trainer& trainer, const StepInput& input, Clock::time_point start)
      : trainer_(trainer), input_(input), start_(start) {}

  void begin(i64 i) override {
    const MicroBatch& at = input_.micro_batches[static_cast<std::size_t>(i)];
    trainer_.observers_.notify(
        trainer_, &TrainerObserver::on_batch_begin,
        BatchInProgress{at.batch, input_.epoch, at.batch_idx, input_.step, at.first_sample});
  }
  void end(i64 i) override {
    const MicroBatch& at = input_.micro_batches[static_cast<std::size_t>(i)];
    trainer_.running_->count();
    trainer_.progress_.epoch.samples += at.batch.share.all;
    ++trainer_.progress_.epoch.batches;
    if (&at != &input_.micro_batches.back()) batch_end();
  }
  void gradients(const std::function<double()>& scale_of) override {
    if (trainer_.observers_.empty()) return;
    if (trainer_.step_.ranks() != nullptr && !is_cpu(trainer_.optimizers_.device()) &&
        !trainer_.observers_.any(trainer_, &TrainerObserver::needs_gradients))
      return;
    const double scale = scale_of();
    const optim::LossScaler* scaler = trainer_.optimizers_.loss_scaler();
    if (scaler != nullptr) trainer_.synchronize();  // the loss scale depends on the last step
    trainer_.observers_.notify(trainer_, &TrainerObserver::on_gradients,
                               scaler ? scale / scaler->scale() : scale);
  }
  void batch_end() {
    if (trainer_.observers_.empty()) return;
    const EpochProgress& epoch = trainer_.progress_.epoch;
    trainer_.observers_.notify(
        trainer_, &TrainerObserver::on_batch_end,
        Progress{input_.epoch, epoch.batches, trainer_.loader_->batches_per_epoch(), epoch.samples,
                 epoch.seconds + seconds_since(start_),
                 [&trainer = trainer_] { return trainer.running_->mean(); }});
  }

 private:
  Trainer& trainer_;
  const StepInput& input_;
  Clock::time_point start_;
};

EpochResult Trainer::train_one_epoch(data::Loader& loader) {
  begin_epoch(loader);
  while (train_step()) {
  }
  return end_epoch();
}

void Trainer::begin_epoch(data::Loader& loader) {
  synchronize();
  check_targets(loss(), loader);
  step_.metrics().check(loader, loss());
  set_epoch_length(loader.batches_per_epoch());
  if (step_.read_from(loader)) invalidate_graphs();
  optimizers_.zero_grad();
  const bool resumes = std::exchange(progress_.resumed, false);
  if (!resumes) progress_.epoch = {};
  if (!resumes) step_.metrics().reset();
  const data::LoaderPosition stands = loader.position(),
                             required{progress_.epochs_done, progress_.epoch.batches};
  WEFT_CHECK(progress_.epoch.batches == 0 || stands == required,
             "train_one_epoch: the loader stands at batch {} of epoch {}; {} of {}, where the "
             "epoch was broken off, is required",
             stands.batch, stands.epoch, required.batch, required.epoch);
  if (!resumes) observers_.notify(*this, &TrainerObserver::on_epoch_begin, progress_.epochs_done);
  running_.emplace(step_.scalars().loss_sum(), progress_.epoch.loss);
  loader_ = &loader;
  loader.start_epoch();
}

// Reads the micro-batches of the next step. Returns false at the end of the epoch.
bool Trainer::pull(StepInput& input) {
  input.epoch = progress_.epochs_done + 1;
  input.step = progress_.steps_begun;
  const i64 done = progress_.epoch.batches, batches = loader_->batches_per_epoch();
  i64 samples = 0;
  bool full = true;
  for (i64 i = 0; i < options_.accumulate && (i == 0 || done + i < batches); ++i) {
    RankExchange* const ranks = step_.ranks();
    const data::Batch* batch = ranks != nullptr ? ranks->read(*loader_) : loader_->next();
    if (batch == nullptr) {
      // A step that a stop has broken off is made as a whole when the run is resumed.
      if (!loader_->stream_ended()) input.micro_batches.clear();
      break;
    }
    const data::BatchShare& share = batch->share;
    input.micro_batches.push_back(
        {.batch = *batch,
         .batch_idx = done + i + 1,
         .first_sample = samples + share.first,
         .weight = share.is_padding ? 0 : checked_weight(loss().weight(batch->y))});
    samples += share.all;
    full = full && share.all == loader_->options().batch_size &&
           input.micro_batches.back().weight > 0 && batch->more.empty();
  }
  input.capturable = full && static_cast<i64>(input.micro_batches.size()) == options_.accumulate;
  return !input.micro_batches.empty();
}

bool Trainer::train_step() {
  WEFT_CHECK(loader_ != nullptr, "train_step: no epoch has begun; begin_epoch() is required");
  if ((stop_.stop_requested() && progress_.epoch.batches > 0) || limit_reached()) return false;
  const Clock::time_point start = Clock::now();
  drain(StepsInFlight::kMost - 1);
  StepInput& input = in_flight_.next_input();
  if (!pull(input)) return false;
  observers_.notify(*this, &TrainerObserver::on_step_begin, progress_.steps_begun);
  if (observers_.any(*this, &TrainerObserver::needs_gradients)) input.capturable = false;

  StepScalars& scalars = step_.scalars();
  if (scalars.needs_drain()) synchronize();
  scalars.prepare(in_flight_.size());
  if (RankExchange* ranks = step_.ranks()) ranks->prepare(loader_->options().batch_size);
  Events events(*this, input, start);
  runner_->run(input, events);
  in_flight_.submitted(scalars.reports(), scalars.report_count());
  step_.metrics().measure(loss(), [&](i64 i) { return runner_->micro_batch(input, i).batch.y; });
  ++progress_.steps_begun;
  const bool waits = observers_.any(*this, &TrainerObserver::needs_outcome);
  drain(waits || is_cpu(optimizers().device()) ? 0 : StepsInFlight::kMost - 1);
  if (waits && input.capturable && !std::exchange(wait_noted_, true) && options_.capture)
    log_info(
        "capture: a callback wants to know at once what came of a step; the host waits for it");
  events.batch_end();
  progress_.epoch.seconds += seconds_since(start);
  return true;
}

void Trainer::drain(i64 allowed_in_flight) {
  while (in_flight_.size() > allowed_in_flight) {
    const std::span<const kernels::StepReport> reports = in_flight_.wait();
    progress_.asked = {reports.back().stop, reports.back().save};
    if (reports.back().halted) fail(reports);
    optimizers_.record(reports);
    progress_.last_step = result_of(in_flight_.oldest_input(), reports);
    in_flight_.release();
    reports.front().applied ? ++progress_.epoch.steps : ++progress_.epoch.skipped;
    observers_.notify(*this, &TrainerObserver::on_step_end,
                      optim::StepOutcome{reports.front().applied, reports.front().grad_norm});
  }
}

// The device applied neither this step nor the steps behind it, so they do not count as begun.
void Trainer::fail(std::span<const kernels::StepReport> reports) {
  const std::vector<kernels::StepReport> of_step(reports.begin(), reports.end());
  const StepInput input = in_flight_.oldest_input();
  in_flight_.drop();
  step_.scalars().reset();
  progress_.steps_begun = input.step;
  if (const kernels::StepReport& last = of_step.back(); last.bad_batch >= 0) {
    const MicroBatch bad = runner_->micro_batch(input, last.bad_batch);
    observers_.notify(
        *this, &TrainerObserver::on_non_finite,
        BatchInProgress{bad.batch, input.epoch, bad.batch_idx, input.step, bad.first_sample});
    RunningLoss::fail(input.epoch, bad.batch_idx, last.bad_loss, last.bad_rank);
  }
  optimizers_.record(of_step);
  WEFT_ASSERT(false, "training step: halted without a reason");
}

// The progress of an interrupted epoch is kept, for a checkpoint.
EpochResult Trainer::end_epoch() {
  WEFT_CHECK(loader_ != nullptr, "end_epoch: no epoch has begun; begin_epoch() is required");
  synchronize();
  const EpochProgress& epoch = progress_.epoch;
  EpochResult result{.epoch = progress_.epochs_done + 1,
                     .loss = running_->mean(),
                     .lr = optimizer().lr(),
                     .steps = epoch.steps,
                     .skipped = epoch.skipped,
                     .samples = epoch.samples,
                     .seconds = epoch.seconds,
                     .samples_per_second =
                         epoch.seconds > 0 ? static_cast<double>(epoch.samples) / epoch.seconds : 0,
                     .seconds_waited = loader_->seconds_waited(),
                     .complete = epoch.batches == loader_->batches_per_epoch()};
  loader_ = nullptr;
  if (result.complete || !stop_.stop_requested())
    step_.metrics().read(result.metrics, result.tables);
  if (result.complete) {
    ++progress_.epochs_done;
    progress_.epoch = {};
    running_.reset();
  } else if (stop_.stop_requested()) {
    return result;
  }
  observers_.notify(*this, &TrainerObserver::on_epoch_end, result);
  return result;
}

bool Trainer::applied_at_least(i64 steps) {
  const i64 known = optimizer().applied_steps();
  if (known < steps && known + in_flight_.size() >= steps) synchronize();
  return optimizer().applied_steps() >= steps;
}

bool Trainer::limit_reached() {
  return options_.max_steps > 0 && applied_at_least(options_.max_steps);
}

void set_metrics(Trainer& trainer, std::vector<std::string> names, data::Loader* probe) {
  trainer.step_.metrics() = StepMetrics(std::move(names), trainer.step_.ranks());
  trainer.invalidate_graphs();  // they do not keep the outputs
  if (probe == nullptr || trainer.step_.metrics().names().empty()) return;
  trainer.step_.read_from(*probe);
  probe->start_epoch();
  const data::Batch* batch = probe->next();
  if (batch != nullptr && !trainer.step_.gives_outputs(*batch)) StepMetrics::refuse();
}

void Trainer::state(State& s) {
  synchronize();
  i64 batch_parts = runner_->batch_parts();
  i64 steps_per_epoch = optimizers_.length().steps_per_epoch;
  s.within("epochs_done", progress_.epochs_done, 0, kMostSaved);
  s.within("steps_begun", progress_.steps_begun, 0, kMostSaved);
  s.within("batch_parts", batch_parts, 1, kMostSaved);
  s.within("steps_per_epoch", steps_per_epoch, 1, kMostSaved);
  if (optimizers_.all().front().schedule == nullptr) set_epoch_length(1);
  if (s.loading()) set_steps_per_epoch(steps_per_epoch);
  optimizers_.state(s);
  if (running_) progress_.epoch.loss = running_->totals();
  s("epoch", progress_.epoch);
  step_.metrics().state(s, progress_.epoch.batches > 0);
  if (!s.loading()) return;
  const EpochProgress& epoch = progress_.epoch;
  const i64 steps = (epoch.batches + options_.accumulate - 1) / options_.accumulate;
  WEFT_CHECK(epoch.steps + epoch.skipped == steps,
             "epoch.batches is {}, epoch.steps {} and epoch.skipped {}; {} steps are required, of "
             "{} batches each (train.accumulate)",
             epoch.batches, epoch.steps, epoch.skipped, steps, options_.accumulate);
  runner_->set_batch_parts(batch_parts);
  running_.reset();
  progress_.last_step = {};
  progress_.resumed = epoch.batches > 0;
}

}  // namespace weft::train
