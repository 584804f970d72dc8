// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trace/trace.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "weft/dist/process_group.h"
#include "weft/nn/statistics.h"
#include "weft/train/trace/recorder.h"
#include "weft/train/trace/update_recorder.h"

namespace weft::train {
namespace {

constexpr i64 kMostFilters = 64;

// The losses of the epoch so far, which the state of a trainer has.
LossTotals totals_of(Trainer& trainer) {
  save_state(trainer);
  return trainer.progress().epoch.loss;
}

dist::Traffic traffic_of(const Orchestrator& run) {
  const dist::ProcessGroup* group = run.ranks().group();
  return group == nullptr ? dist::Traffic{} : group->traffic();
}

// The times of all ranks, for a step of `seconds` here that began at `before`.
std::vector<RankTimes> times_of_ranks(const Orchestrator& run, const dist::Traffic& before,
                                      double seconds) {
  if (run.ranks().alone()) return {};
  constexpr i64 kTimes = 4;
  const dist::Traffic after = traffic_of(run);
  const double waiting = after.seconds_waited - before.seconds_waited;
  const Tensor all = Tensor::zeros({run.ranks().size(), kTimes}, DType::f64);
  const auto own = all.values<double>().subspan(
      static_cast<std::size_t>(run.ranks().rank() * kTimes), static_cast<std::size_t>(kTimes));
  own[0] = std::max(0.0, seconds - waiting);
  own[1] = after.seconds_busy - before.seconds_busy;
  own[2] = waiting;
  own[3] = static_cast<double>(after.bytes - before.bytes);
  run.ranks().sum(all, "the trace");
  std::vector<RankTimes> times;
  const std::vector<double> values = all.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); i += kTimes)
    times.push_back({values[i], values[i + 1], values[i + 2], static_cast<i64>(values[i + 3])});
  return times;
}

std::string joined_name(const NamedModel& model, const std::string& name) {
  return model.name == "model" ? name : name.empty() ? model.name : model.name + "." + name;
}

TapeRecorder::Names names_of_leaves(Trainer& trainer) {
  TapeRecorder::Names names;
  for (const NamedModel& model : trainer.models())
    for (const nn::NamedParameter& p : model.module->named_parameters())
      names[p.variable.leaf_state().get()] = joined_name(model, p.name);
  return names;
}

std::vector<TracedModule> modules_of(Trainer& trainer) {
  std::vector<TracedModule> modules;
  for (const NamedModel& model : trainer.models())
    for (const nn::NamedModule& each : model.module->named_modules())
      modules.push_back({joined_name(model, each.path), each.module->label()});
  return modules;
}

// The mean loss of the batches of the step, by the parameters after it.
double loss_again(Trainer& trainer, const UpdateRecorder& updates) {
  const NoGrad no_grad;
  const nn::StatisticsScope dropped;
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < updates.batches().size(); ++i) {
    const data::Batch& batch = updates.batches()[i];
    const double weight = batch.share.is_padding ? 0 : trainer.shared_loss()->weight(batch.y);
    if (weight == 0) continue;
    sum += weight * trainer.loss_of(updates.batch(i)).value().item<double>();
    weights += weight;
  }
  return weights > 0 ? sum / weights : std::numeric_limits<double>::quiet_NaN();
}

// The parameter that the first op with a weight reads, as pictures: filters of a convolution, or
// the weights of each neuron of a linear layer that reads images.
void add_filters(Trace& trace, Trainer& trainer, const Shape& sample) {
  for (const TracedOp& op : trace.ops)
    for (const TracedInput& input : op.inputs)
      for (const nn::NamedParameter& p : trainer.named_parameters()) {
        if (input.op >= 0 || p.name != input.name || p.variable.shape().rank() < 2) continue;
        Tensor weight = p.variable.value();
        if (weight.rank() == 2 && sample.rank() == 3 && weight.size(1) == sample.elements())
          weight = weight.reshape({weight.size(0), sample[0], sample[1], sample[2]});
        const data::Pixels picture = filters_of(weight, kMostFilters);
        if (picture.width > 0) trace.pictures.push_back({p.name, picture});
        return;
      }
}

void add_pictures(Trace& trace, Orchestrator& run, const UpdateRecorder& updates) {
  const Shape sample = run.data().train->info().sample;
  const data::Batch& first = updates.batches().front();
  // A dataset on the device gives the indices of its samples.
  if (sample.rank() == 3 && first.x.rank() == 4)
    trace.pictures.push_back({"input", picture_of(first.x)});
  add_filters(trace, run.trainer(), sample);
}

}  // namespace

Trace trace_step(Orchestrator& run) {
  Trace trace;
  data::Loader loader = run.training_loader();
  Trainer& trainer = run.trainer();
  const auto updates = std::make_shared<UpdateRecorder>();
  struct Forget {
    UpdateRecorder& updates;
    ~Forget() { updates.forget(); }
  } const at_the_end{*updates};
  run.add_callback(updates);
  run.begin_hooks();  // a strategy may freeze layers
  trainer.begin_epoch(loader);
  trainer.train_step();
  if (trainer.progress().epoch.batches == loader.batches_per_epoch()) {
    trainer.end_epoch();
    trainer.begin_epoch(loader);
  }
  const Device device = trainer.optimizers().device();
  trace.machine = measure_machine(device, trainer.options().precision.make()->compute_dtype);
  const LossTotals before = totals_of(trainer);
  const dist::Traffic traffic = traffic_of(run);
  {
    TapeRecorder tape(trace, device, names_of_leaves(trainer));
    updates->begin(trace, tape);
    trainer.train_step();
    trainer.synchronize();
    tape.end_step();
    trace.ranks = times_of_ranks(run, traffic, trace.seconds);
    updates->end(trainer);
  }
  const LossTotals after = totals_of(trainer);
  trace.loss = (after.sum - before.sum) / (after.weight - before.weight);
  trace.loss_after = loss_again(trainer, *updates);
  trace.modules = modules_of(trainer);
  trace.update.optimizers = {trainer.options().optimizer.name()};
  add_pictures(trace, run, *updates);
  trainer.end_epoch();
  return trace;
}

}  // namespace weft::train
