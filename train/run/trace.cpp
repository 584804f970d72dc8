// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/trace.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "weft/autograd/tape.h"
#include "weft/core/clock.h"
#include "weft/dist/process_group.h"
#include "weft/tensor/ops.h"

namespace weft::train {
namespace {

// The backward pass runs the ops in reverse order, so the backward times fill the list from its
// end.
class Recorder final : public TapeObserver {
 public:
  explicit Recorder(Trace& trace)
      : trace_(trace), before_(set_tape_observer(this)), mark_(Clock::now()) {}
  ~Recorder() override { set_tape_observer(before_); }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void on_forward(const char* op, const std::string& scope, const Tensor& output) override {
    trace_.ops.push_back({scope, op, output.shape(), output.dtype(), bytes_of(output),
                          lap(output.device()), 0, std::numeric_limits<double>::quiet_NaN()});
    mark_ = Clock::now();
  }

  void on_backward(const char* op, const std::string& scope, const Tensor& grad) override {
    end_backward(grad.device());
    const double norm = std::sqrt(sum(square(grad.to(DType::f64))).item<double>());
    for (std::size_t i = cursor(); i-- > 0;) {
      TracedOp& traced = trace_.ops[i];
      if (traced.op != op || traced.scope != scope || !(traced.shape == grad.shape())) continue;
      traced.gradient_norm = norm;
      current_ = i;
      break;
    }
    mark_ = Clock::now();
  }

  // The time since the last op began its backward belongs to that op.
  void end_backward(const Device& device) {
    const double seconds = lap(device);
    if (current_ < trace_.ops.size()) trace_.ops[current_].backward_seconds = seconds;
  }

 private:
  double lap(const Device& device) {
    synchronize(device);
    return seconds_since(mark_);
  }
  std::size_t cursor() const { return current_ < trace_.ops.size() ? current_ : trace_.ops.size(); }

  Trace& trace_;
  TapeObserver* before_;
  Clock::time_point mark_;
  std::size_t current_ = std::numeric_limits<std::size_t>::max();
};

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
  own[0] = seconds - waiting;
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

}  // namespace

Trace trace_step(Orchestrator& run) {
  Trace trace;
  data::Loader loader = run.training_loader();
  Trainer& trainer = run.trainer();
  run.begin_hooks();  // a strategy may freeze layers
  trainer.begin_epoch(loader);
  trainer.train_step();
  if (trainer.progress().epoch.batches == loader.batches_per_epoch()) {
    trainer.end_epoch();
    trainer.begin_epoch(loader);
  }
  const LossTotals before = totals_of(trainer);
  const dist::Traffic traffic = traffic_of(run);
  Recorder recorder(trace);
  const Clock::time_point start = Clock::now();
  trainer.train_step();
  trainer.synchronize();
  recorder.end_backward(trainer.optimizers().device());
  double in_ops = 0;
  for (const TracedOp& op : trace.ops) in_ops += op.forward_seconds + op.backward_seconds;
  const double seconds = seconds_since(start);
  trace.update_seconds = seconds - in_ops;
  trace.ranks = times_of_ranks(run, traffic, seconds);
  const LossTotals after = totals_of(trainer);
  trace.loss = (after.sum - before.sum) / (after.weight - before.weight);
  trainer.end_epoch();
  return trace;
}

std::string to_text(const Trace& trace) {
  std::string text =
      fmt::format("{:<24} {:<16} {:<20} {:<5} {:>11} {:>11} {:>11} {:>12}\n", "module", "op",
                  "output", "dtype", "bytes", "forward µs", "backward µs", "gradient norm");
  for (const TracedOp& op : trace.ops)
    text +=
        fmt::format("{:<24} {:<16} {:<20} {:<5} {:>11} {:>11.1f} {:>11.1f} {:>12}\n", op.scope,
                    op.op, op.shape.to_string(), name_of(op.dtype), op.bytes,
                    op.forward_seconds * 1e6, op.backward_seconds * 1e6,
                    std::isnan(op.gradient_norm) ? "-" : fmt::format("{:.4g}", op.gradient_norm));
  text += fmt::format("loss {:.4g}; batch preparation and update {:.1f} µs\n", trace.loss,
                      trace.update_seconds * 1e6);
  if (!trace.ranks.empty())
    text += fmt::format("{:<6} {:>12} {:>16} {:>11} {:>15}\n", "rank", "computing µs",
                        "communicating µs", "waiting µs", "bytes exchanged");
  for (std::size_t i = 0; i < trace.ranks.size(); ++i) {
    const RankTimes& rank = trace.ranks[i];
    text += fmt::format("{:<6} {:>12.1f} {:>16.1f} {:>11.1f} {:>15}\n", i, rank.computing * 1e6,
                        rank.communicating * 1e6, rank.waiting * 1e6, rank.bytes);
  }
  return text;
}

}  // namespace weft::train
