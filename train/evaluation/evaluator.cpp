// SPDX-License-Identifier: Apache-2.0
#include "weft/train/evaluation/evaluator.h"

#include <limits>

#include "weft/autograd/autocast.h"
#include "weft/core/clock.h"
#include "weft/tensor/ops.h"
#include "weft/train/losses/valid_rows.h"
#include "weft/train/step/running_loss.h"

namespace weft::train {

void Evaluation::state(State& s) {
  s("loss", loss)("accuracy", accuracy)("metrics", metrics)("tables", tables);
  s("samples", samples)("seconds", seconds);
}

Evaluator::Evaluator(nn::Module& model, const LossRecipe& loss, const EvaluatorOptions& options)
    : model_(model),
      loss_(loss.make()),
      names_(options.metrics),
      options_(options),
      products_(options.precision.make()->products) {
  if (names_.empty()) names_ = loss_->default_metrics();
  for (const std::string& name : names_) {
    MetricRecipe recipe;
    recipe.choose(name);
    metrics_.push_back(recipe.make());
  }
}

// Metrics see each position as a sample, and none that the loss leaves out.
void Evaluator::measure(const Tensor& output, const Tensor& target) {
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
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->update(seen, wanted);
}

Evaluation Evaluator::run(data::Loader& loader, std::vector<Tensor>* outputs) {
  const Clock::time_point start = Clock::now();
  const nn::NamedParameters parameters = model_.named_parameters();
  const Device device = parameters.empty() ? Device{Cpu{}} : parameters.front().variable.device();
  const DType dtype = parameters.empty() ? DType::f32 : parameters.front().variable.dtype();
  check_targets(*loss_, loader.dataset());
  // The model may have been converted or moved since the last time.
  if (!input_ || input_dtype_ != dtype || input_device_ != device) {
    input_dtype_ = dtype;
    input_device_ = device;
    input_.emplace(loader.dataset(), options_.normalization, device, dtype);
  } else {
    input_->read_from(loader.dataset());
  }

  const NoGrad no_grad;
  const nn::EvalMode mode(model_);
  WeightCasts casts;
  const Autocast autocast(products_, casts);
  RunningLoss running(device);
  for (const std::unique_ptr<Metric>& metric : metrics_) metric->reset();
  Evaluation result;
  for (const data::Batch& batch : loader) {
    const auto [x, target] = (*input_)(batch);
    const Variable output = model_(x);
    running.add(loss_->forward(output, target).value(), loss_->weight(batch.y));
    measure(output.value(), target);
    if (outputs != nullptr) outputs->push_back(output.value().to(Device{Cpu{}}));
    result.samples += batch.x.size(0);
  }
  result.loss = running.mean();
  result.metrics["loss"] = result.loss;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (const Tensor table = metrics_[i]->table(); table.defined())
      result.tables[names_[i]] = table;
    else result.metrics[names_[i]] = metrics_[i]->value();
  }
  const auto accuracy = result.metrics.find("accuracy");
  result.accuracy = accuracy != result.metrics.end() ? accuracy->second
                                                     : std::numeric_limits<double>::quiet_NaN();
  result.seconds = seconds_since(start);
  return result;
}

Evaluation Evaluator::evaluate(data::Loader& loader) { return run(loader, nullptr); }

Evaluation Evaluator::evaluate(data::Loader& loader, Tensor& outputs) {
  std::vector<Tensor> parts;
  Evaluation result = run(loader, &parts);
  if (parts.empty()) return result;
  const i64 width = parts.front().elements() / parts.front().size(0);
  outputs = Tensor::empty({result.samples, width}, parts.front().dtype());
  i64 row = 0;
  for (const Tensor& part : parts) {
    outputs.slice(row, row + part.size(0)).copy_from(part.reshape({part.size(0), width}));
    row += part.size(0);
  }
  return result;
}

}  // namespace weft::train
