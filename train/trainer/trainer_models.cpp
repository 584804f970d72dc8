// SPDX-License-Identifier: Apache-2.0
// The models of a Trainer beside the run's own.
#include <algorithm>
#include <array>

#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

// Files of a checkpoint that are no further model.
constexpr std::array kReservedNames{"model", "loss", "optimizer", "ema"};

}  // namespace

Trainer::Trainer(const TrainerContext& context)
    : Trainer(context.model, context.loss, context.options) {}

std::vector<NamedModel> Trainer::models() {
  std::vector<NamedModel> all{{"model", &model_}};
  for (const auto& [name, model] : further_) all.push_back({name, &*model.module, model.metadata});
  if (!loss_.named_parameters().empty())
    all.push_back({"loss", &loss_, {{"format", "pt"}, {"weft", WEFT_VERSION}}});
  return all;
}

nn::Module& Trainer::add_model(const std::string& name, FurtherModel model) {
  detail::check_name("models", name);
  WEFT_CHECK(
      std::find(kReservedNames.begin(), kReservedNames.end(), name) == kReservedNames.end() &&
          !further_.contains(name),
      "add_model: '{}' is the name of another file of a checkpoint; a name of its own is "
      "required",
      name);
  const FurtherModel& held = further_.emplace(name, std::move(model)).first->second;
  nn::Module& module = *held.module;
  module.to(optimizer().parameters().values().dtype());
  module.to(optimizers().device());
  module.name_paths(name);
  if (held.optimizer) {
    add_optimizer(name, module.named_parameters(), *held.optimizer, held.scheduler);
  } else {
    module.eval();
    for (const nn::NamedParameter& p : module.named_parameters())
      p.variable.set_requires_grad(false);
  }
  return module;
}

nn::Module& Trainer::add_model(const std::string& name, const TrainerContext& context) {
  WEFT_CHECK(!further_.contains(name),
             "add_model: '{}' is asked for twice; a model of a trainer is taken once", name);
  WEFT_CHECK(context.models != nullptr && context.models->contains(name),
             "models.{}: it is not given; the trainer requires a model of this name", name);
  nn::Module& model = add_model(name, std::move(context.models->extract(name).mapped()));
  model.name_paths("models." + name);  // as messages name it, and the config
  return model;
}

}  // namespace weft::train
