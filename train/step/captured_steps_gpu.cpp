// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/captured_steps.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "weft/core/log.h"
#include "weft/device/gpu/graph.h"
#include "weft/device/readback.h"
#include "weft/nn/batch_norm.h"
#include "weft/nn/statistics.h"
#include "weft/tensor/as_bytes.h"
#include "weft/tensor/ops.h"

namespace weft::train {
namespace {

constexpr i64 kWarmUp = 2;             // the first allocates what later ones keep
constexpr std::size_t kMostKinds = 4;  // of steps; the one not used for longest goes

// What a graph was recorded for.
struct Kind {
  std::vector<Shape> shapes;
  std::vector<DType> dtypes;
  std::vector<bool> modes;  // of parameters and modules
  u64 layout_version = 0;
  friend bool operator==(const Kind&, const Kind&) = default;
};

struct Recorded {
  Recorded(Kind of, StreamHandle stream) : kind(std::move(of)), graph(stream) {}
  Kind kind;
  // On the device. Integers (labels, tokens, numbers of samples and of random ops) lie in one piece, which is sent
  // with one copy: a small step is as long as a few of them.
  Tensor integers;
  std::vector<data::Batch> inputs;
  Tensor numbers;  // (parts, 3)
  Tensor weights;  // (parts); sent when they are not `weights_there`
  std::vector<double> weights_there;
  std::vector<Leaf*> with_gradient;  // after backward
  i64 warm = 0;                      // steps done for the warm-up
  gpu::Graph graph;
};

// A place on the device for one T.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const Device& device)
      : bytes_(Tensor::empty({static_cast<i64>(sizeof(T))}, DType::uint8, device)) {}
  T* get() const { return bytes_.data<T>(); }
  void send(T& value) const { bytes_.copy_from(as_bytes(std::span(&value, 1))); }

 private:
  Tensor bytes_;
};

class Steps final : public CapturedSteps {
 public:
  explicit Steps(const StepParts& parts)
      : parts_(parts),
        device_(std::get<Cuda>(with_stream(parts.loss_sum.device()))),
        state_(device_),
        rates_(device_),
        report_(device_) {
    for (auto& report : reports_)
      report = make_readback(device_, static_cast<i64>(sizeof(kernels::StepReport)));
  }

  void run(StepBatches step) override {
    WEFT_ASSERT(in_flight() < kInFlight, "captured steps: {} in flight; fewer than {} are required",
                in_flight(), kInFlight);
    Recorded& recorded = recorded_for(step);
    send(step, recorded);
    const auto work = [&] { do_step(recorded); };
    if (recorded.warm < kWarmUp) {
      recorded.graph.warm_up(work);
      ++recorded.warm;
      note_gradients(recorded);
    } else {
      if (!recorded.graph.captured()) record(recorded, work);
      recorded.graph.launch();
      ++launches_;
      for (Leaf* leaf : recorded.with_gradient) leaf->has_grad = true;
    }
    const std::size_t slot = next_slot_;
    next_slot_ = (next_slot_ + 1) % kInFlight;
    reports_[slot]->start(report_.get());
    flying_.push_back({std::move(step), slot});
  }

  i64 in_flight() const override { return static_cast<i64>(flying_.size()); }
  std::pair<StepBatches, kernels::StepReport> next() override {
    InFlight oldest = std::move(flying_.front());
    flying_.pop_front();
    return {std::move(oldest.step),
            *static_cast<const kernels::StepReport*>(reports_[oldest.slot]->wait())};
  }
  void drop() override {
    while (!flying_.empty()) {
      try {
        reports_[flying_.front().slot]->wait();
      } catch (...) {  // whoever waits next hears of it
      }
      flying_.pop_front();
    }
  }

  void state_changed() override { state_current_ = false; }
  void rates_changed() override { rates_current_ = false; }
  void forget_graphs() override { recorded_.clear(); }
  i64 graphs() const override { return graphs_; }
  i64 launches() const override { return launches_; }

 private:
  Kind kind_of(const StepBatches& step) const {
    Kind kind;
    kind.layout_version = parts_.optimizer.parameters().layout_version();
    for (const StepBatches::Part& part : step.parts)
      for (const auto& [x, y] = parts_.read_of(part.batch); const Tensor* t : {&x, &y}) {
        if (!t->defined()) continue;
        kind.shapes.push_back(t->shape());
        kind.dtypes.push_back(t->dtype());
      }
    for (const auto& segment : parts_.optimizer.parameters().segments())
      kind.modes.push_back(segment.leaf->requires_grad);
    for (const nn::NamedModule& named : parts_.model.named_modules()) {
      kind.modes.push_back(named.module->training());
      if (const auto* norm = dynamic_cast<const nn::BatchNorm*>(named.module))
        kind.modes.push_back(norm->statistics_frozen());
    }
    return kind;
  }

  Recorded& recorded_for(const StepBatches& step) {
    Kind kind = kind_of(step);
    const auto found = std::find_if(recorded_.begin(), recorded_.end(),
                                    [&](const auto& r) { return r->kind == kind; });
    if (found != recorded_.end()) {
      std::rotate(recorded_.begin(), found, found + 1);
      return *recorded_.front();
    }
    if (recorded_.size() == kMostKinds) recorded_.pop_back();
    recorded_.insert(recorded_.begin(),
                     std::make_unique<Recorded>(std::move(kind), device_.stream));
    lay_out(*recorded_.front(), step);
    return *recorded_.front();
  }

  void lay_out(Recorded& recorded, const StepBatches& step) const {
    const i64 parts = static_cast<i64>(step.parts.size());
    i64 count = 3 * parts, taken = 0;
    for (const StepBatches::Part& part : step.parts)
      for (const auto& [x, y] = parts_.read_of(part.batch); const Tensor* t : {&x, &y})
        if (is_integers(*t)) count += t->elements();
    recorded.integers = Tensor::empty({count}, DType::int64, device_);
    const auto take = [&](const Shape& shape) {
      return recorded.integers.range(std::exchange(taken, taken + shape.elements()), shape);
    };
    const auto place = [&](const Tensor& t) {
      if (!t.defined()) return Tensor();
      return is_integers(t) ? take(t.shape()) : Tensor::empty(t.shape(), t.dtype(), device_);
    };
    for (const StepBatches::Part& part : step.parts) {
      const auto& [x, y] = parts_.read_of(part.batch);
      recorded.inputs.push_back({place(x), place(y)});
    }
    recorded.numbers = take({parts, 3});
    recorded.weights = Tensor::empty({parts}, DType::f64, device_);
  }
  static bool is_integers(const Tensor& t) { return t.defined() && t.dtype() == DType::int64; }

  // All that the step reads and the host knows, in the stream's order.
  void send(const StepBatches& step, Recorded& recorded) {
    std::vector<i64> integers;  // in the order of lay_out()
    std::vector<double> weights;
    const auto send_input = [&](const Tensor& to, const Tensor& from) {
      if (!to.defined()) return;
      if (!is_integers(from)) return to.copy_from(from);
      const std::span<const i64> values = from.values<i64>();
      integers.insert(integers.end(), values.begin(), values.end());
    };
    for (std::size_t i = 0; i < step.parts.size(); ++i) {
      send_input(recorded.inputs[i].x, step.parts[i].batch.x);
      send_input(recorded.inputs[i].y, step.parts[i].batch.y);
    }
    for (const StepBatches::Part& part : step.parts) {
      integers.insert(integers.end(),
                      {static_cast<i64>(parts_.seed), step.step, part.first_sample});
      weights.push_back(part.weight);
    }
    recorded.integers.copy_from(Tensor::copy_of(integers, recorded.integers.shape()));
    if (weights != recorded.weights_there) {
      recorded.weights.copy_from(Tensor::copy_of(weights, recorded.weights.shape()));
      recorded.weights_there = std::move(weights);
    }
    send_state();
    send_rates();
    if (recorded.warm == 0) return;
    for (Leaf* leaf : recorded.with_gradient) leaf->has_grad = true;
    parts_.optimizer.prepare();
  }

  void send_state() {
    if (state_current_) return;
    WEFT_ASSERT(flying_.empty(),
                "captured steps: {} in flight; none is required when the state changes",
                in_flight());
    kernels::StepState state{.applied = parts_.optimizer.applied_steps()};
    if (parts_.scaler != nullptr) state.loss_scale = parts_.scaler->numbers();
    state_.send(state);
    state_current_ = true;
  }

  // The host knows the count of applied steps up to those in flight.
  void send_rates() {
    const i64 known = parts_.optimizer.applied_steps();
    if (rates_current_ && known + in_flight() < table_.first + kernels::RateTable::kSteps) return;
    table_.first = known;
    for (i64 i = 0; i < kernels::RateTable::kSteps; ++i) table_.at[i] = parts_.rates(known + i);
    rates_.send(table_);
    rates_current_ = true;
  }

  void record(Recorded& recorded, const std::function<void()>& work) {
    recorded.graph.capture(work);
    ++graphs_;
    log_info(
        "capture: steps of {} of {} samples are one graph of {} kernels and copies",
        recorded.inputs.size() == 1 ? "a batch" : fmt::format("{} batches", recorded.inputs.size()),
        recorded.inputs.front().x.size(0), recorded.graph.size());
  }

  void note_gradients(Recorded& recorded) const {
    recorded.with_gradient.clear();
    for (const auto& segment : parts_.optimizer.parameters().segments())
      if (segment.leaf->has_grad) recorded.with_gradient.push_back(segment.leaf.get());
  }

  // What is recorded: a step as Trainer::train_one_epoch makes it op by op.
  void do_step(const Recorded& recorded) {
    optim::Optimizer& optimizer = parts_.optimizer;
    optimizer.zero_grad();
    nn::StatisticsScope statistics;
    const i64 count = static_cast<i64>(recorded.inputs.size());
    const double* const weights = recorded.weights.data<double>();
    for (i64 i = 0; i < count; ++i) {
      set_random_numbers(recorded.numbers.range(3 * i, {3}));
      const Variable loss = parts_.loss(recorded.inputs[static_cast<std::size_t>(i)]);
      const Tensor& sum = parts_.loss_sum;
      Tensor moved = sum;
      add(moved, sum, mul(loss.value().to(DType::f64), recorded.weights.range(i, {})));
      const Tensor seed = Tensor::empty(loss.shape(), loss.dtype(), device_);
      visit_compute("capture", loss.dtype(), [&]<class T>() {
        kernels::seed_gradient(device_, seed.data<T>(), state_.get(), weights, i);
      });
      loss.backward(seed);
    }
    optimizer.prepare();  // which finds nothing to do when it is recorded
    const double* const loss_sum = parts_.loss_sum.data<double>();
    kernels::begin_update(device_, optimizer.control(), state_.get(), rates_.get(), weights, count,
                          loss_sum);
    optimizer.enqueue(parts_.clip_norm, parts_.clip_value, parts_.scaler != nullptr);
    statistics.commit_unless(optimizer.skip_flag());
    kernels::end_update(
        device_, report_.get(), state_.get(), optimizer.control(), loss_sum,
        parts_.scaler != nullptr,
        parts_.scaler != nullptr ? parts_.scaler->rule() : kernels::LossScaleRule{});
  }

  StepParts parts_;
  Cuda device_;
  OnDevice<kernels::StepState> state_;
  OnDevice<kernels::RateTable> rates_;
  OnDevice<kernels::StepReport> report_;
  kernels::RateTable table_;
  bool state_current_ = false, rates_current_ = false;

  std::vector<std::unique_ptr<Recorded>> recorded_;  // the one used last comes first
  i64 graphs_ = 0, launches_ = 0;

  struct InFlight {
    StepBatches step;
    std::size_t slot;
  };
  std::deque<InFlight> flying_;
  std::array<std::unique_ptr<Readback>, kInFlight> reports_;
  std::size_t next_slot_ = 0;
};

}  // namespace

std::unique_ptr<CapturedSteps> captured_steps(const StepParts& parts) {
  return std::make_unique<Steps>(parts);
}

}  // namespace weft::train
