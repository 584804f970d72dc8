// SPDX-License-Identifier: Apache-2.0
// Evaluator: loss and metrics of a model over a dataset, without gradients, exact over uneven
// batches.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/data/loader.h"
#include "weft/data/normalize.h"
#include "weft/nn/module.h"
#include "weft/tensor/state.h"
#include "weft/train/step/input.h"
#include "weft/train/losses/loss.h"
#include "weft/train/metrics/metric.h"
#include "weft/train/step/precision.h"

namespace weft::train {

struct EvaluatorOptions {
  std::vector<std::string> metrics = {};  // by name; empty: the loss strategy's own
  PrecisionRecipe precision = fp32();
  std::optional<data::Normalization> normalization = {};
};

// One batch of an evaluation, for whoever wants more than the result of all.
struct EvaluatedBatch {
  i64 index;         // from 0
  i64 first_sample;  // its place in the order of the loader
  double loss;       // mean over what counts
  // of this batch alone; NaN where none of its samples counts
  std::map<std::string, double> metrics;
  const Tensor& outputs;  // as the model gave them, on its device
  const Tensor& targets;
};

struct Evaluation {
  std::string split = {};  // which data: validation or test; empty outside of a run
  double loss = 0;
  double accuracy = 0;                    // NaN when it is not among the metrics
  std::map<std::string, double> metrics;  // by name, "loss" included
  std::map<std::string, Tensor> tables;   // of those that are one: confusion_matrix
  i64 samples = 0;
  double seconds = 0;
  void state(State& s);
};

class Evaluator {
 public:
  // The model must outlive the evaluator. Throws UserError for an unknown metric.
  Evaluator(nn::Module& model, const LossRecipe& loss, const EvaluatorOptions& options = {});

  // Runs the model in evaluation mode over one pass of the loader and puts it back in the mode it
  // was in. An empty loader gives NaN. Throws UserError when the dataset's targets are not of the
  // kind that the loss takes.
  Evaluation evaluate(data::Loader& loader);
  // The same, and the model's outputs for every sample in the loader's order: (samples, outputs) on
  // the CPU, in the outputs' dtype.
  Evaluation evaluate(data::Loader& loader, Tensor& outputs);
  // Called with each batch from now on: metrics are measured twice then, and a GPU is waited for.
  void on_batch(std::function<void(const EvaluatedBatch&)> hook) { on_batch_ = std::move(hook); }
  // Of what it measures besides the loss.
  const std::vector<std::string>& metric_names() const { return names_; }

 private:
  Evaluation run(data::Loader& loader, std::vector<Tensor>* outputs);
  using Metrics = std::vector<std::unique_ptr<Metric>>;
  Metrics make_metrics() const;
  void measure(const Metrics& metrics, const Tensor& output, const Tensor& target) const;
  std::map<std::string, double> values_of(const Metrics& metrics) const;

  nn::Module& model_;
  Device input_device_;  // what input_ is for
  DType input_dtype_ = DType::f32;
  std::unique_ptr<Loss> loss_;
  std::vector<std::string> names_;
  Metrics metrics_, batch_metrics_;
  EvaluatorOptions options_;
  DType compute_dtype_;
  std::optional<InputPipeline> input_;
  std::function<void(const EvaluatedBatch&)> on_batch_;
};

}  // namespace weft::train
