// SPDX-License-Identifier: Apache-2.0
// Implements Module::summary.
#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "weft/nn/dry_run.h"
#include "weft/nn/layer_parts.h"
#include "weft/nn/module.h"

namespace weft::nn {
namespace {

class OutputShapes final : public OutputObserver {
 public:
  OutputShapes() : before_(set_output_observer(this)) {}
  ~OutputShapes() override { set_output_observer(before_); }
  OutputShapes(const OutputShapes&) = delete;
  OutputShapes& operator=(const OutputShapes&) = delete;

  void on_output(const Module& module, const Variable& output) override {
    shapes_[&module] = output.shape();
  }
  void clear() { shapes_.clear(); }
  // The output shape of a module, without its first axis if `of_two`, the shapes for two samples,
  // shows that this is the batch axis. The text is empty for a module that was not called.
  std::string text_of(const Module& module, const OutputShapes& of_two) const {
    const auto found = shapes_.find(&module);
    if (found == shapes_.end()) return "";
    const Shape& shape = found->second;
    const auto other = of_two.shapes_.find(&module);
    // If the model cannot run on two samples, a first axis of size 1 is assumed to be the batch
    // axis.
    const bool has_batch = shape.rank() > 0 && shape[0] == 1 &&
                           (other == of_two.shapes_.end() || other->second == shape.with(0, 2));
    return (has_batch ? shape.without(0) : shape).to_string();
  }

 private:
  OutputObserver* before_;
  std::unordered_map<const Module*, Shape> shapes_;
};

// "1,234,567"
std::string grouped(i64 number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

using Row = std::array<std::string, 4>;

// The number of characters in UTF-8, because a "×" takes two bytes and one column.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string table(const std::vector<Row>& rows) {
  std::array<std::size_t, 4> widths{};
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c]));
  std::string text;
  for (const Row& row : rows) {
    std::string line = fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}", row[0], widths[0], row[1],
                                   widths[1], row[2], widths[2], row[3], widths[3]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string Module::summary(const Shape& sample) {
  const NamedParameters parameters = named_parameters();
  return summary(sample, parameters.empty() ? DType::f32 : parameters.front().variable.dtype());
}

std::vector<std::string> output_texts(Module& module, const Shape& sample, DType dtype) {
  OutputShapes shapes;
  dry_run(module, sample, dtype);
  OutputShapes of_two;
  try {
    dry_run(module, sample, dtype, 2);
  } catch (const UserError&) {
    of_two.clear();
  }
  std::vector<std::string> texts;
  for (const NamedModule& named : module.named_modules())
    texts.push_back(shapes.text_of(*named.module, of_two));
  return texts;
}

std::string Module::summary(const Shape& sample, DType dtype) {
  const std::vector<std::string> outputs = output_texts(*this, sample, dtype);
  std::vector<Row> rows{{"layer", "type", "output", "parameters"}};
  std::unordered_set<const Leaf*> seen;  // a tied parameter is counted once, at its first name
  for (const NamedModule& named : named_modules()) {
    const OwnParameters own(*named.module);
    i64 count = 0;
    for (const Leaf* leaf : own.leaves)
      if (seen.insert(leaf).second) count += leaf->value.elements();
    rows.push_back({named.path, named.module->label(), outputs[rows.size() - 1],
                    own.leaves.empty() ? "" : grouped(count)});
  }
  i64 total = 0, trained = 0, bytes = 0;
  for (const NamedParameter& p : named_parameters()) {
    const Tensor& value = p.variable.value();
    total += value.elements();
    bytes += bytes_of(value);
    if (p.variable.requires_grad()) trained += value.elements();
  }
  return table(rows) + fmt::format("{} parameters, {} of them trained, {:.4g} MiB; input {}\n",
                                   grouped(total), grouped(trained),
                                   static_cast<double>(bytes) / (1 << 20), sample);
}

}  // namespace weft::nn
