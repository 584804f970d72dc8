// SPDX-License-Identifier: Apache-2.0
#include "weft/view/model_summary.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "weft/view/scale.h"
#include "weft/view/text_plot.h"

namespace weft::view {
namespace {

using SummaryRow = std::array<std::string, 9>;
constexpr std::size_t kLeftColumns = 3;  // the others are numbers, at the right

std::string summary_table_of(const std::vector<SummaryRow>& rows) {
  std::array<int, std::tuple_size_v<SummaryRow>> widths{};
  for (const SummaryRow& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c)
      widths[c] = std::max(widths[c], columns_of(row[c]));
  std::string text;
  for (const SummaryRow& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string space(static_cast<std::size_t>(widths[c] - columns_of(row[c])), ' ');
      line += (c > 0 ? "  " : "") + (c < kLeftColumns ? row[c] + space : space + row[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

// "1,234,567"
std::string commas_in(i64 number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

SummaryRow summary_row_of(const nn::LayerCost& layer, const StepSetting& setting) {
  const auto if_any = [](double value, std::string text) {
    return value > 0 ? std::move(text) : std::string();
  };
  const double batch = static_cast<double>(setting.batch_size);
  const bool computes = layer.activation_bytes > 0 || layer.parameters > 0;
  const std::string_view dtype = layer.forward_flops > 0 ? name_of(setting.compute_dtype)
                                 : computes              ? name_of(DType::f32)
                                                         : "";
  return {layer.path,
          layer.label,
          layer.output,
          layer.parameters > 0 ? commas_in(layer.parameters) : "",
          layer.parameters > 0 ? fmt::format("{:.1f} %", 100 * layer.share) : "",
          if_any(layer.forward_flops, count_text(layer.forward_flops)),
          if_any(layer.backward_flops, count_text(layer.backward_flops)),
          if_any(layer.activation_bytes, bytes_text(layer.activation_bytes * batch)),
          std::string(dtype)};
}

// A line for each further model.
std::string further_text(const StepSetting& setting) {
  std::string text;
  for (const FurtherCost& model : setting.further) {
    text += fmt::format("besides: {}, {} parameters, {} of them trained; parameters {}", model.name,
                        commas_in(model.parameters), commas_in(model.trained),
                        bytes_text(model.parameter_bytes));
    if (model.gradient_bytes > 0) text += " + gradients " + bytes_text(model.gradient_bytes);
    const double batch = static_cast<double>(setting.batch_size);
    text += model.flops ? fmt::format(" + activations {}; {} FLOPs a step",
                                      bytes_text(*model.activation_bytes * batch),
                                      count_text(*model.flops * batch))
                        : "; its activations and FLOPs are not known";
    text += "\n";
  }
  return text;
}

// Sums of a step over all models, each of which runs once.
struct StepSums {
  double flops = 0, parameters = 0, gradients = 0, activations = 0;
  bool known = true;
};
StepSums step_sums_of(const nn::ModelCost& cost, const StepSetting& setting) {
  const double batch = static_cast<double>(setting.batch_size);
  StepSums sums{.flops = batch * (cost.total.forward_flops + cost.total.backward_flops),
                .parameters = static_cast<double>(cost.parameter_bytes),
                .gradients = static_cast<double>(cost.gradient_bytes),
                .activations = batch * cost.total.activation_bytes};
  for (const FurtherCost& model : setting.further) {
    sums.flops += batch * model.flops.value_or(0);
    sums.parameters += model.parameter_bytes;
    sums.gradients += model.gradient_bytes;
    sums.activations += batch * model.activation_bytes.value_or(0);
    sums.known = sums.known && model.flops.has_value();
  }
  return sums;
}

// What the sums leave out; empty: they are an upper bound.
std::string missing_text(const StepSetting& setting, bool known) {
  if (known && setting.trainer.empty()) return {};
  std::string why = setting.trainer.empty()
                        ? ""
                        : fmt::format("trainer '{}' may run a model more than once or compute more",
                                      setting.trainer);
  if (!known) why += fmt::format("{}a further model is not run here", why.empty() ? "" : ", and ");
  return fmt::format("  FLOPs and memory of one pass of each model: no upper bound, because {}\n",
                     why);
}

}  // namespace

std::string count_text(double count) {
  constexpr std::array kUnits{"", "k", "M", "G", "T", "P"};
  std::size_t unit = 0;
  while (count >= 999.5 && unit + 1 < kUnits.size()) {
    count /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g}{}", count, kUnits[unit]);
}

std::string summary_text(const nn::ModelCost& cost, const Shape& sample,
                         const StepSetting& setting) {
  std::vector<SummaryRow> rows{{"layer", "type", "output", "parameters", "share", "forward",
                                "backward", "activations", "dtype"}};
  for (const nn::LayerCost& layer : cost.layers) rows.push_back(summary_row_of(layer, setting));
  nn::LayerCost total = cost.total;
  total.path = "total";
  rows.push_back(summary_row_of(total, setting));
  rows.back().back().clear();
  const StepSums sums = step_sums_of(cost, setting);
  const std::string missing = missing_text(setting, sums.known);
  return summary_table_of(rows) +
         fmt::format(
             "{0} parameters, {1} of them trained; input {2}\n"
             "forward and backward: FLOPs of a sample in matrix products and convolutions, which "
             "compute in {3};\n  a multiplication and an addition count as 2. A step of {4}: {5} FLOPs{6}.\n",
             commas_in(cost.total.parameters), commas_in(cost.total.trained), sample,
             name_of(setting.compute_dtype), counted(setting.batch_size, "sample"),
             count_text(sums.flops), setting.further.empty() ? "" : ", with further models") +
         further_text(setting) +
         fmt::format(
             "activations: outputs of ops for {}, which the backward pass may read.\n"
             "memory of a step: parameters {} + gradients {} + state of {} {} + activations {} = "
             "{}{}\n",
             counted(setting.batch_size, "sample"), bytes_text(sums.parameters),
             bytes_text(sums.gradients), setting.optimizer, bytes_text(setting.optimizer_bytes),
             bytes_text(sums.activations),
             bytes_text(sums.parameters + sums.gradients + setting.optimizer_bytes +
                        sums.activations),
             missing.empty() ? " at most" : "") +
         missing;
}

}  // namespace weft::view
