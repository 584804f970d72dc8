// SPDX-License-Identifier: Apache-2.0
// Note [Captured steps]
#include <algorithm>
#include <utility>

#include "weft/core/log.h"
#include "weft/device/gpu/graph.h"
#include "weft/nn/batch_norm.h"
#include "weft/train/step/step_runner.h"

namespace weft::train {
namespace {

constexpr i64 kWarmUp = 2;             // the first allocates memory that later steps reuse
constexpr std::size_t kMostKinds = 4;  // of steps; the least recently used is dropped

// The key of a graph: the properties of a step for which it was recorded.
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
  PlacedStep placed;
  // All integers of `placed` (labels, tokens, sample indices, random numbers) are in one tensor,
  // which is sent with one copy. In a small step a few copies would take as long as the rest.
  Tensor integers;
  std::vector<Leaf*> with_gradient;  // before the update
  i64 warm = 0;                      // steps run for the warm-up
  gpu::Graph graph;
  std::vector<StepOutputs> outputs = {};  // in the memory of the graph
};

// Records which parameters have a gradient when all gradients exist.
class GradientsNoted final : public StepEvents {
 public:
  GradientsNoted(optim::Optimizer& optimizer, std::vector<Leaf*>& leaves)
      : optimizer_(optimizer), leaves_(leaves) {}
  void gradients(const std::function<double()>&) override {
    leaves_.clear();
    for (const auto& segment : optimizer_.parameters().segments())
      if (segment.leaf->has_grad) leaves_.push_back(segment.leaf.get());
  }

 private:
  optim::Optimizer& optimizer_;
  std::vector<Leaf*>& leaves_;
};

bool is_integers(const Tensor& t) { return t.defined() && t.dtype() == DType::int64; }

class GraphRunner final : public StepRunner {
 public:
  GraphRunner(TrainStep& step, std::unique_ptr<StepRunner> inner)
      : step_(step),
        inner_(std::move(inner)),
        stream_(std::get<Cuda>(with_stream(step.device())).stream) {}

  void run(const StepInput& input, StepEvents& events) override {
    if (!input.capturable || inner_->batch_parts() != 1) return inner_->run(input, events);
    Recorded& recorded = recorded_for(input);
    send(input, recorded);
    const i64 count = recorded.placed.count();
    for (i64 i = 0; i < count; ++i) {
      events.begin(i);
      events.end(i);
    }
    GradientsNoted noted(step_.optimizers().first(), recorded.with_gradient);
    const auto work = [&] { step_.run(recorded.placed, noted); };
    if (recorded.warm < kWarmUp) {
      recorded.graph.warm_up(work);
      ++recorded.warm;
      return;
    }
    mark_gradients(recorded);
    step_.optimizers().first().device_step().prepare();
    if (!recorded.graph.captured()) record(recorded, work);
    recorded.graph.launch();
    ++launches_;
    step_.undo();  // resets the flags of the host; the gradients were used
    step_.metrics().set_outputs(recorded.outputs);
  }

  void invalidate_graphs() override { recorded_.clear(); }
  MicroBatch micro_batch(const StepInput& input, i64 i) const override {
    return input.capturable ? StepRunner::micro_batch(input, i) : inner_->micro_batch(input, i);
  }
  i64 batch_parts() const override { return inner_->batch_parts(); }
  void set_batch_parts(i64 parts) override { inner_->set_batch_parts(parts); }
  i64 graphs() const override { return graphs_; }
  i64 launches() const override { return launches_; }

 private:
  Kind kind_of(const StepInput& input) const {
    Kind kind;
    const nn::FlatParameters& parameters = step_.optimizers().first().parameters();
    kind.layout_version = parameters.layout_version();
    for (const MicroBatch& micro_batch : input.micro_batches)
      for (const auto& [x, y] = step_.read_of(micro_batch.batch); const Tensor* t : {&x, &y}) {
        if (!t->defined()) continue;
        kind.shapes.push_back(t->shape());
        kind.dtypes.push_back(t->dtype());
      }
    for (const auto& segment : parameters.segments())
      kind.modes.push_back(segment.leaf->requires_grad);
    for (const nn::NamedModule& named : step_.model().named_modules()) {
      kind.modes.push_back(named.module->training());
      if (const auto* norm = dynamic_cast<const nn::BatchNorm*>(named.module))
        kind.modes.push_back(norm->statistics_frozen());
    }
    return kind;
  }

  Recorded& recorded_for(const StepInput& input) {
    Kind kind = kind_of(input);
    const auto found = std::find_if(recorded_.begin(), recorded_.end(),
                                    [&](const auto& r) { return r->kind == kind; });
    if (found != recorded_.end()) {
      std::rotate(recorded_.begin(), found, found + 1);
      return *recorded_.front();
    }
    if (recorded_.size() == kMostKinds) recorded_.pop_back();
    recorded_.insert(recorded_.begin(), std::make_unique<Recorded>(std::move(kind), stream_));
    allocate(*recorded_.front(), input);
    return *recorded_.front();
  }

  void allocate(Recorded& recorded, const StepInput& input) const {
    const i64 parts = static_cast<i64>(input.micro_batches.size());
    const Device& device = step_.device();
    i64 count = 3 * parts, taken = 0;
    for (const MicroBatch& micro_batch : input.micro_batches)
      for (const auto& [x, y] = step_.read_of(micro_batch.batch); const Tensor* t : {&x, &y})
        if (is_integers(*t)) count += t->elements();
    recorded.integers = Tensor::empty({count}, DType::int64, device);
    const auto take = [&](const Shape& shape) {
      return recorded.integers.range(std::exchange(taken, taken + shape.elements()), shape);
    };
    const auto place = [&](const Tensor& t) {
      if (!t.defined()) return Tensor();
      return is_integers(t) ? take(t.shape()) : Tensor::empty(t.shape(), t.dtype(), device);
    };
    for (const MicroBatch& micro_batch : input.micro_batches) {
      const auto& [x, y] = step_.read_of(micro_batch.batch);
      recorded.placed.batches.push_back({place(x), place(y)});
    }
    recorded.placed.random = take({parts, 3});
    recorded.placed.weights = Tensor::empty({parts}, DType::f64, device);
  }

  // Sends all input that the step reads, in the stream's order.
  void send(const StepInput& input, Recorded& recorded) {
    std::vector<i64> integers;  // in the order of allocate()
    std::vector<double> weights;
    const auto send_tensor = [&](const Tensor& to, const Tensor& from) {
      if (!to.defined()) return;
      if (!is_integers(from)) return to.copy_from(from);
      const std::span<const i64> values = from.values<i64>();
      integers.insert(integers.end(), values.begin(), values.end());
    };
    for (std::size_t i = 0; i < input.micro_batches.size(); ++i) {
      send_tensor(recorded.placed.batches[i].x, input.micro_batches[i].batch.x);
      send_tensor(recorded.placed.batches[i].y, input.micro_batches[i].batch.y);
    }
    for (const MicroBatch& micro_batch : input.micro_batches) {
      integers.insert(integers.end(),
                      {static_cast<i64>(step_.seed()), input.step, micro_batch.first_sample});
      weights.push_back(micro_batch.weight);
    }
    recorded.integers.copy_from(Tensor::copy_of(integers, recorded.integers.shape()));
    if (weights == recorded.placed.host_weights) return;
    recorded.placed.weights.copy_from(Tensor::copy_of(weights, recorded.placed.weights.shape()));
    recorded.placed.host_weights = std::move(weights);
  }

  void mark_gradients(const Recorded& recorded) const {
    for (Leaf* leaf : recorded.with_gradient) leaf->has_grad = true;
  }

  void record(Recorded& recorded, const std::function<void()>& work) {
    step_.undo();  // backward overwrites absent gradients
    recorded.graph.capture(work);
    recorded.outputs = step_.metrics().take_outputs();
    ++graphs_;
    log_info("capture: steps of {} of {} samples are one graph of {} kernels and copies",
             recorded.placed.count() == 1 ? "a batch"
                                          : fmt::format("{} batches", recorded.placed.count()),
             recorded.placed.batches.front().x.size(0), recorded.graph.size());
  }

  TrainStep& step_;
  std::unique_ptr<StepRunner> inner_;
  StreamHandle stream_;
  std::vector<std::unique_ptr<Recorded>> recorded_;  // most recently used first
  i64 graphs_ = 0, launches_ = 0;
};

}  // namespace

std::unique_ptr<StepRunner> graph_runner(TrainStep& step, std::unique_ptr<StepRunner> inner) {
  return std::make_unique<GraphRunner>(step, std::move(inner));
}

}  // namespace weft::train
