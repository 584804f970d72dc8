// SPDX-License-Identifier: Apache-2.0
// The training step: forward, scaled backward, clip, update and batch-norm statistics, written
// once. Runners execute it (train/step/step_runner.h): directly, in parts when memory runs out, or
// as a CUDA graph. Training, `weft trace` and the benchmark run this function.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/autograd/autocast.h"
#include "weft/data/normalize.h"
#include "weft/nn/module.h"
#include "weft/nn/statistics.h"
#include "weft/train/step/input.h"
#include "weft/train/step/precision.h"
#include "weft/train/step/rank_exchange.h"
#include "weft/train/step/step_input.h"
#include "weft/train/step/step_metrics.h"
#include "weft/train/step/step_scalars.h"

namespace weft::train {

struct TrainStepOptions {
  // The loss of prepared inputs: a scalar, the mean over the valid samples.
  std::function<Variable(const Variable& x, const Tensor& target)> loss;
  DType compute_dtype = DType::f32;  // of matrix products (autograd/autocast.h)
  std::optional<data::Normalization> normalization = {};
  double clip_norm = 0, clip_value = 0;
  u64 seed = 0;  // seed of dropout masks
  RankOptions ranks = {};
};

class TrainStep {
 public:
  // Model and optimizers must outlive the step.
  TrainStep(nn::Module& model, Optimizers& optimizers, TrainStepOptions options);

  // Sets the loader of later batches and puts the model in training mode. Returns true if they are
  // gathered otherwise on the device, which invalidates captured graphs.
  bool read_from(const data::Loader& loader);
  // A transform of training batches between normalisation and model; empty: none.
  void set_input_transform(std::function<Tensor(const Tensor&)> transform) {
    input_transform_ = std::move(transform);
  }

  // Makes one optimizer step. It reads no scalar from the host, so that a graph can hold it.
  // Changes of the host must have been sent (scalars().prepare()). Throws UserError when a
  // trainable leaf that no optimizer has gets a gradient.
  void run(const PlacedStep& step, StepEvents& events);
  // Whether the loss of a batch gives outputs to the metrics. The loss is forgotten; one that
  // throws is left to the first step, and counts as giving them.
  bool gives_outputs(const data::Batch& batch);
  // Drops gradients and observed statistics of a step that did not complete.
  void undo();

  // The part of a batch that the step reads; y is undefined where targets are gathered on the
  // device.
  data::Batch read_of(const data::Batch& batch) const { return input_->read_of(batch); }
  // The further tensors of the batch whose loss is computed, on the device.
  const TensorTree& more() const { return more_; }
  // The forward pass of a batch under the random numbers of this thread (set_random_step).
  Variable loss_of(const data::Batch& batch);

  nn::Module& model() const { return model_; }
  const Optimizers& optimizers() const { return optimizers_; }
  StepScalars& scalars() { return scalars_; }
  // Of training batches; none at first.
  StepMetrics& metrics() { return metrics_; }
  // Null for one process (Note [Ranks]).
  RankExchange* ranks() { return ranks_.get(); }
  const Device& device() const { return optimizers_.device(); }
  u64 seed() const { return options_.seed; }

 private:
  double run_micro_batches(const PlacedStep& step, StepEvents& events, double& first_weight);

  nn::Module& model_;
  Optimizers& optimizers_;
  TrainStepOptions options_;
  std::unique_ptr<RankExchange> ranks_;
  StepScalars scalars_;
  std::optional<InputPipeline> input_;
  TensorTree more_;
  std::function<Tensor(const Tensor&)> input_transform_;
  WeightCasts casts_;
  std::vector<nn::StatisticsUpdate> statistics_;  // kept for its capacity
  StepMetrics metrics_;
  // The parameter layout for which every gradient was found to have an optimizer.
  u64 checked_layout_ = 0;
};

}  // namespace weft::train
