// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/train/losses/valid_rows.h"
#include "weft/train/losses/loss.h"

namespace weft::train {
namespace {

// Flattens samples and positions. The cross-entropy takes each position as a row.
class LanguageModelling final : public Loss {
 public:
  explicit LanguageModelling(const LanguageModellingOptions& options) : options_(options) {}

  Variable forward(const Variable& output, const Tensor& target) const override {
    const Shape& shape = output.shape();
    const bool one_each = shape.rank() == 2 && target.shape() == Shape{shape[0], 1};
    WEFT_CHECK(
        one_each || (shape.rank() == target.rank() + 1 && shape.without(-1) == target.shape()),
        "loss 'language_modelling': the model gives {} for targets {}; (samples, positions, "
        "tokens) for (samples, positions) is required, or (samples, tokens) for one position",
        shape, target.shape());
    const i64 rows = target.elements();
    const Variable logits = reshape(output, {rows, shape[-1]});
    const Tensor tokens = target.reshape({rows});
    return cross_entropy(
        logits, tokens,
        {.label_smoothing = options_.label_smoothing, .ignore_index = options_.ignore_index});
  }
  double weight(const Tensor& target) const override {
    return weight_of_labels(target, {}, options_.ignore_index);
  }
  std::optional<i64> ignore_index() const override { return options_.ignore_index; }
  i64 outputs(const data::DatasetInfo& info) const override {
    WEFT_CHECK(info.has_labels() && info.target.rank() == 1,
               "loss 'language_modelling': the targets of {} are {} of shape {}; a token for each "
               "position, (positions), is required",
               info.name, info.has_labels() ? "labels" : "numbers", info.target);
    return info.classes;
  }
  OutputKind output_kind() const override { return OutputKind::logits; }
  std::vector<std::string> default_metrics() const override { return {"perplexity"}; }

 private:
  LanguageModellingOptions options_;
};

const bool registered =
    Registry<Loss>::add<LanguageModelling, LanguageModellingOptions>("language_modelling") &&
    Registry<Loss>::add_spelling("language_modeling", "language_modelling");

}  // namespace

void describe(Fields& f, LanguageModellingOptions& o) {
  f("label_smoothing", o.label_smoothing, "share of the target spread evenly over all tokens",
    in_range(0, 0.999));
  f("ignore_index", o.ignore_index, "a token whose positions count for nothing, like padding");
}

LossRecipe language_modelling(const LanguageModellingOptions& options) {
  return LossRecipe::of("language_modelling", options);
}

}  // namespace weft::train
