// SPDX-License-Identifier: Apache-2.0
#include "weft/train/evaluation/evaluator.h"

#include <limits>
#include <utility>

#include "weft/autograd/autocast.h"
#include "weft/core/clock.h"
#include "weft/data/resident_dataset.h"
#include "weft/tensor/ops.h"
#include "weft/train/losses/valid_rows.h"

namespace weft::train {
namespace {

// Throws UserError, naming the metric, for targets of another kind than it measures.
void check_kind(const std::string& name, const Metric& metric, const data::DatasetInfo& info) {
  const Metric::Targets kind = metric.targets();
  WEFT_CHECK(kind != Metric::Targets::labels || info.target_dtype == DType::int64,
             "metric '{}': the targets of {} are {} values; class labels are required", name,
             info.name, info.target_dtype);
  WEFT_CHECK(kind != Metric::Targets::values || !info.has_labels(),
             "metric '{}': the targets of {} are class labels; values are required", name,
             info.name);
}

// Throws UserError, naming the metric, if ranks cannot merge it. It is tried before anything is
// counted, because otherwise only the end of an evaluation would show it.
void check_merge(const std::string& name, Metric& metric) {
  try {
    metric.merge([](const Tensor&) {});
  } catch (const UserError& error) {
    fail("metric '{}': {}", name, error.what());
  }
  metric.reset();
}

}  // namespace

void Evaluation::state(State& s) {
  s("loss", loss)("accuracy", accuracy)("metrics", metrics)("tables", tables);
  s.within("samples", samples, 0, kMostSaved).within("seconds", seconds, 0, kMostSaved);
}

Evaluator::Evaluator(nn::Module& model, const LossRecipe& loss, const EvaluatorOptions& options)
    : Evaluator(model, std::shared_ptr<const Loss>(loss.make()), options) {}

Evaluator::Evaluator(nn::Module& model, std::shared_ptr<const Loss> loss,
                     const EvaluatorOptions& options)
    : model_(model),
      loss_(std::move(loss)),
      names_(options.metrics),
      options_(options),
      compute_dtype_(options.precision.make()->compute_dtype) {
  if (names_.empty()) names_ = loss_->default_metrics();
  metrics_ = make_metrics();
  if (options_.sum_over_ranks)
    for (std::size_t i = 0; i < names_.size(); ++i) check_merge(names_[i], *metrics_[i]);
}

Evaluator::Metrics Evaluator::make_metrics() const {
  Metrics metrics;
  for (const std::string& name : names_) {
    MetricRecipe recipe;
    recipe.choose(name);
    metrics.push_back(recipe.make());
  }
  return metrics;
}

bool Evaluator::is_table(const std::string& name) const {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name && metrics_[i]->table().defined()) return true;
  return false;
}

// Metrics get each position as a sample, without those that the loss ignores.
void Evaluator::measure(const Metrics& metrics, const Tensor& output, const Tensor& target) const {
  Tensor seen = output, wanted = target;
  if (target.dtype() == DType::int64 && target.rank() > 1) {
    wanted = target.reshape({target.elements()});
    seen = output.reshape({target.elements(), output.size(-1)});
  }
  if (const std::optional<i64> ignored = loss_->ignore_index()) {
    const ValidRows counted = valid_rows(wanted, *ignored);
    if (counted.count == 0) return;
    seen = embedding(seen, counted.rows.to(output.device()));
    wanted = counted.labels.to(output.device());
  }
  for (const std::unique_ptr<Metric>& metric : metrics) metric->update(seen, wanted);
}

std::map<std::string, double> Evaluator::values_of(const Metrics& metrics) const {
  std::map<std::string, double> values;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!metrics[i]->table().defined()) values[names_[i]] = metrics[i]->value();
  return values;
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
void Evaluator::merge(const data::Part& part, LossTotals& loss, i64& samples) const {
  const SumOverRanks& sum = options_.sum_over_ranks;
  i64 ranks = 1;
  sum_numbers<i64>(sum, {&ranks, &samples});
  WEFT_CHECK(ranks == part.ranks,
             "Evaluator: the loader gives the samples of rank {} of {} ranks, and {} evaluate; as "
             "many are required (LoaderOptions::part)",
             part.rank, part.ranks, ranks);
  sum_numbers<double>(sum, {&loss.sum, &loss.weight});
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->merge(sum);
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
  for (std::size_t i = 0; i < names_.size(); ++i)
    check_kind(names_[i], *metrics_[i], data::stored_info(loader.dataset()));
  prepare_input(loader, device, dtype);

  const NoGrad no_grad;
  const nn::EvalMode mode(model_);
  WeightCasts casts;
  const Autocast autocast(compute_dtype_, casts);
  RunningLoss running(device);
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->reset();
  Evaluation result;
  if (on_batch_ && batch_metrics_.empty()) batch_metrics_ = make_metrics();
  i64 batches = 0, begin = 0;  // of all ranks: those before the batch, and the samples in them
  for (const data::Batch& batch : loader) {
    if (!options_.sum_over_ranks && stop.stop_requested()) return std::nullopt;
    const i64 index = batches++, first_sample = begin + batch.share.first;
    begin += batch.share.all;
    if (batch.share.is_padding) continue;
    const auto [x, target] = (*input_)(batch);
    const Variable output =
        options_.outputs ? options_.outputs(x, input_->more_of(batch)) : model_(x);
    const Tensor loss = loss_->forward(output, target).value();
    running.add(loss, loss_->weight(batch.y));
    measure(metrics_, output.value(), target);
    if (on_batch_) {
      for (const std::unique_ptr<Metric>& metric : batch_metrics_) metric->reset();
      measure(batch_metrics_, output.value(), target);
      on_batch_({index, first_sample, loss.to(DType::f64).item<double>(), values_of(batch_metrics_),
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
  result.metrics.merge(values_of(metrics_));
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (const Tensor table = metrics_[i]->table(); table.defined())
      result.tables[names_[i]] = table;
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
