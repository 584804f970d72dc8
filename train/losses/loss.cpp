// SPDX-License-Identifier: Apache-2.0
#include "weft/train/losses/loss.h"

#include "weft/data/resident_dataset.h"

namespace weft::train {

Variable Loss::operator()(const Variable& output, const Tensor& target) const {
  Variable loss = forward(output, target);
  const auto named = [&] { return name_.empty() ? "the loss" : fmt::format("loss '{}'", name_); };
  WEFT_CHECK(loss.defined(), "{} gives an undefined Variable; one number is required", named());
  WEFT_CHECK(loss.shape().elements() == 1, "{} gives {}; one number is required", named(),
             loss.shape());
  return loss;
}

std::unique_ptr<Loss> make_loss(const LossRecipe& recipe) {
  std::unique_ptr<Loss> loss = recipe.make();
  loss->set_name(recipe.name());
  return loss;
}

void check_targets(const Loss& loss, const data::Dataset& dataset) {
  const data::DatasetInfo& info = data::stored_info(dataset);
  if (info.classes == 0 && !is_floating(info.target_dtype)) return;
  loss.outputs(info);
}

void check_targets(const Loss& loss, const data::Loader& loader) {
  check_targets(loss, loader.dataset());
  WEFT_CHECK(!loader.options().mix || loss.takes_probabilities(),
             "data.mix: {} given for a loss that takes class labels alone; one that takes a "
             "probability for each class is required (loss.type: classification, without "
             "ignore_index)",
             loader.options().mix.name());
}

}  // namespace weft::train
