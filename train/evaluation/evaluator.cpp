// SPDX-License-Identifier: Apache-2.0
#include "weft/train/evaluation/evaluator.h"

#include <cmath>
#include <limits>
#include <utility>

#include "weft/autograd/autocast.h"
#include "weft/core/clock.h"
#include "weft/data/resident_dataset.h"

namespace weft::train {

void Evaluation::state(State& s) {
  s("loss", loss)("accuracy", accuracy)("metrics", metrics)("tables", tables);
  s.within("samples", samples, 0, kMostSaved).within("seconds", seconds, 0, kMostSaved);
}

std::string problem_of(const Evaluation& evaluation) {
  if (std::isfinite(evaluation.loss)) return "";
  if (evaluation.weight == 0)
    return fmt::format(
        "no sample of the {} split has a weight above 0 (loss.class_weights, "
        "loss.ignore_index); at least one is required",
        evaluation.split);
  return fmt::format(
      "the loss on the {} split is {}; outputs and targets with a finite loss are required",
      evaluation.split, evaluation.loss);
}

Evaluator::Evaluator(nn::Module& model, const LossRecipe& loss, const EvaluatorOptions& options)
    : Evaluator(model, std::shared_ptr<const Loss>(make_loss(loss)), options) {}

Evaluator::Evaluator(nn::Module& model, std::shared_ptr<const Loss> loss,
                     const EvaluatorOptions& options)
    : model_(model),
      loss_(std::move(loss)),
      metrics_(options.metrics.empty() ? loss_->default_metrics() : options.metrics),
      options_(options),
      compute_dtype_(options.precision.make()->compute_dtype) {
  if (options_.sum_over_ranks) metrics_.check_merge();
}

// The model may have been converted or moved since the last time.
void Evaluator::prepare_input(const data::Loader& loader, const Device& device, DType dtype) {
  if (input_ && input_dtype_ == dtype && input_device_ == device) {
    input_->read_from(loader);
    return;
  }
  input_dtype_ = dtype;
  input_device_ = device;
  input_.emplace(loader, options_.normalization, device, dtype);
}

// Replaces what this rank has measured by the sums over all ranks. Throws UserError if there are
// others than those that share the loader's samples, which would count some twice or never.
void Evaluator::merge(const data::Part& part, LossTotals& loss, i64& samples) {
  const SumOverRanks& sum = options_.sum_over_ranks;
  i64 ranks = 1;
  sum_numbers<i64>(sum, {&ranks, &samples});
  WEFT_CHECK(ranks == part.ranks,
             "Evaluator: the loader gives the samples of rank {} of {} ranks, and {} evaluate; as "
             "many are required (LoaderOptions::part)",
             part.rank, part.ranks, ranks);
  sum_numbers<double>(sum, {&loss.sum, &loss.weight});
  metrics_.merge(sum);
}

std::optional<Evaluation> Evaluator::run(data::Loader& loader, std::vector<Tensor>* outputs,
                                         const std::stop_token& stop) {
  const Clock::time_point start = Clock::now();
  const nn::NamedParameters parameters = model_.named_parameters();
  const Device device = parameters.empty() ? Device{Cpu{}} : parameters.front().variable.device();
  const DType dtype = parameters.empty() ? DType::f32 : parameters.front().variable.dtype();
  const data::Part& part = loader.options().part;
  WEFT_CHECK(part.ranks == 1 || options_.sum_over_ranks,
             "Evaluator: the loader gives the samples of rank {} of {} ranks; sum_over_ranks is "
             "required (EvaluatorOptions)",
             part.rank, part.ranks);
  check_targets(*loss_, loader);
  metrics_.check_kind(data::stored_info(loader.dataset()), *loss_);
  prepare_input(loader, device, dtype);

  const NoGrad no_grad;
  const nn::EvalMode mode(model_);
  WeightCasts casts;
  const Autocast autocast(compute_dtype_, casts);
  RunningLoss running(device);
  metrics_.reset();
  Evaluation result;
  if (on_batch_ && !batch_metrics_) batch_metrics_.emplace(metrics_.names());
  i64 batches = 0, begin = 0;  // of all ranks: those before the batch, and the samples in them
  for (const data::Batch& batch : loader) {
    if (!options_.sum_over_ranks && stop.stop_requested()) return std::nullopt;
    const i64 index = batches++, first_sample = begin + batch.share.first;
    begin += batch.share.all;
    if (batch.share.is_padding) continue;
    const auto [x, target] = (*input_)(batch);
    const Variable output =
        options_.outputs ? options_.outputs(x, input_->more_of(batch)) : model_(x);
    const Tensor loss = (*loss_)(output, target).value().range(0, {});
    running.add(loss, loss_->weight(batch.y));
    metrics_.update(*loss_, output.value(), target, batch.y);
    if (on_batch_) {
      batch_metrics_->reset();
      batch_metrics_->update(*loss_, output.value(), target, batch.y);
      on_batch_({index, first_sample, loss.to(DType::f64).item<double>(), batch_metrics_->values(),
                 output.value(), target});
    }
    if (outputs != nullptr) outputs->push_back(output.value().to(Device{Cpu{}}));
    result.samples += batch.x.size(0);
  }
  LossTotals totals = running.totals();
  if (options_.sum_over_ranks) merge(part, totals, result.samples);
  result.weight = totals.weight;
  result.loss = totals.mean();
  result.metrics["loss"] = result.loss;
  result.metrics.merge(metrics_.values());
  result.tables = metrics_.tables();
  const auto accuracy = result.metrics.find("accuracy");
  result.accuracy = accuracy != result.metrics.end() ? accuracy->second
                                                     : std::numeric_limits<double>::quiet_NaN();
  result.seconds = seconds_since(start);
  return result;
}

Evaluation Evaluator::evaluate(data::Loader& loader) { return *run(loader, nullptr, {}); }

std::optional<Evaluation> Evaluator::evaluate(data::Loader& loader, const std::stop_token& stop) {
  return run(loader, nullptr, stop);
}

Evaluation Evaluator::evaluate(data::Loader& loader, Tensor& outputs) {
  std::vector<Tensor> parts;
  Evaluation result = *run(loader, &parts, {});
  if (parts.empty()) return result;
  const i64 width = parts.front().elements() / parts.front().size(0);
  i64 rows = 0, row = 0;
  for (const Tensor& part : parts) rows += part.size(0);
  outputs = Tensor::empty({rows, width}, parts.front().dtype());
  for (const Tensor& part : parts) {
    outputs.slice(row, row + part.size(0)).copy_from(part.reshape({part.size(0), width}));
    row += part.size(0);
  }
  return result;
}

}  // namespace weft::train
