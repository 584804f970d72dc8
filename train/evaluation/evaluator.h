// SPDX-License-Identifier: Apache-2.0
// Evaluator: loss and metrics of a model over a dataset, without gradients, exact over uneven
// batches.
#pragma once
#include <functional>
#include <limits>
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
#include "weft/train/step/metric_set.h"
#include "weft/train/step/precision.h"
#include "weft/train/step/running_loss.h"

namespace weft::train {

struct EvaluatorOptions {
  std::vector<std::string> metrics = {};  // by name; empty: the defaults of the loss
  PrecisionRecipe precision = fp32();
  std::optional<data::Normalization> normalization = {};
  // The outputs for prepared inputs (Trainer::outputs_of); empty: the model's.
  std::function<Variable(const Variable& x, const TensorTree& more)> outputs = {};
  // For several ranks, each with its part of the loader's samples (LoaderOptions::part). All ranks
  // get the results over all samples. Empty: one process.
  SumOverRanks sum_over_ranks = {};
};

// One batch of an evaluation, for hooks that need results per batch. Of several ranks, each has its
// share of the batch of all ranks, and none where it has no samples of it.
struct EvaluatedBatch {
  i64 index;         // from 0, of the batch of all ranks
  i64 first_sample;  // position of its first sample in the order of the loader, of all ranks
  double loss;       // mean over the valid samples
  // Metrics of this batch alone; NaN if it has no valid samples.
  std::map<std::string, double> metrics;
  const Tensor& outputs;  // outputs of the model, on its device
  const Tensor& targets;
};

struct Evaluation {
  std::string split = {};  // validation or test; empty outside of a run
  // The weights that were evaluated: model, or the name of averaged ones (ema); empty outside of a
  // run.
  std::string weights = {};
  double loss = 0;
  // Of all samples, the divisor of the loss; NaN if a checkpoint of the run gave the evaluation.
  double weight = std::numeric_limits<double>::quiet_NaN();
  double accuracy = 0;                    // NaN if it is not among the metrics
  std::map<std::string, double> metrics;  // by name, including "loss"
  std::map<std::string, Tensor> tables;   // of metrics that are tables: confusion_matrix
  i64 samples = 0;
  double seconds = 0;
  void state(State& s);
};

// What is wrong with the loss, in one sentence; empty if it is finite. Whether the outputs or the
// targets are the cause is not known.
std::string problem_of(const Evaluation& evaluation);

class Evaluator {
 public:
  // The model must outlive the evaluator. Throws UserError for an unknown metric, and, with
  // sum_over_ranks, for one without merge().
  Evaluator(nn::Module& model, const LossRecipe& loss, const EvaluatorOptions& options = {});
  // The same with a loss that has trained parameters (Trainer::shared_loss()).
  Evaluator(nn::Module& model, std::shared_ptr<const Loss> loss,
            const EvaluatorOptions& options = {});

  // Runs the model in evaluation mode over one pass of the loader, then restores its mode. An empty
  // loader gives NaN. Throws UserError when the loss does not accept the dataset's kind of targets,
  // and unless the loader's ranks are those of sum_over_ranks. With sum_over_ranks, all ranks call
  // this together and get equal results, except for `seconds`. Each sample counts once, and a rank
  // may have none. If one rank throws, the others wait in sum_over_ranks.
  Evaluation evaluate(data::Loader& loader);
  // The same. Also writes the model's outputs for every sample, in the loader's order, to
  // `outputs`: (samples, outputs) on the CPU, in the dtype of the model's outputs. Each of several
  // ranks gets those of its own samples; `outputs` stays as it is if there are none.
  Evaluation evaluate(data::Loader& loader, Tensor& outputs);
  // The same without outputs. Returns nothing if a stop is requested before the last batch is done.
  // The stop takes effect after the current batch. It is not heeded with sum_over_ranks, because
  // ranks that stop at different batches would wait for each other.
  std::optional<Evaluation> evaluate(data::Loader& loader, const std::stop_token& stop);
  // Sets a hook that is called with each batch. Metrics are then measured twice, and the host waits
  // for a GPU after each batch.
  void on_batch(std::function<void(const EvaluatedBatch&)> hook) { on_batch_ = std::move(hook); }
  // The names of the metrics besides the loss.
  const std::vector<std::string>& metric_names() const { return metrics_.names(); }
  // Whether the metric of this name is a table instead of one number.
  bool is_table(const std::string& name) const { return metrics_.is_table(name); }

 private:
  std::optional<Evaluation> run(data::Loader& loader, std::vector<Tensor>* outputs,
                                const std::stop_token& stop);
  void prepare_input(const data::Loader& loader, const Device& device, DType dtype);
  void merge(const data::Part& part, LossTotals& loss, i64& samples);

  nn::Module& model_;
  Device input_device_;  // the device that input_ was made for
  DType input_dtype_ = DType::f32;
  std::shared_ptr<const Loss> loss_;
  MetricSet metrics_;
  std::optional<MetricSet> batch_metrics_;
  EvaluatorOptions options_;
  DType compute_dtype_;
  std::optional<InputPipeline> input_;
  std::function<void(const EvaluatedBatch&)> on_batch_;
};

}  // namespace weft::train
