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
  const double batch = static_cast<double>(setting.batch_size);
  const double flops = cost.total.forward_flops + cost.total.backward_flops;
  const double activations = cost.total.activation_bytes * batch;
  const double parameters = static_cast<double>(cost.parameter_bytes),
               gradients = static_cast<double>(cost.gradient_bytes);
  return summary_table_of(rows) +
         fmt::format(
             "{0} parameters, {1} of them trained; input {2}\n"
             "forward and backward: FLOPs of a sample in matrix products and convolutions, which "
             "compute in {3};\n  a multiplication and an addition count as 2. A step of {4}: {5} FLOPs.\n",
             commas_in(cost.total.parameters), commas_in(cost.total.trained), sample,
             name_of(setting.compute_dtype), counted(setting.batch_size, "sample"),
             count_text(batch * flops)) +
         fmt::format(
             "activations: outputs of ops for {}, which the backward pass may read.\n"
             "memory of a step: parameters {} + gradients {} + state of {} {} + activations {} = "
             "{} at most\n",
             counted(setting.batch_size, "sample"), bytes_text(parameters), bytes_text(gradients),
             setting.optimizer, bytes_text(setting.optimizer_bytes), bytes_text(activations),
             bytes_text(parameters + gradients + setting.optimizer_bytes + activations));
}

}  // namespace weft::view
