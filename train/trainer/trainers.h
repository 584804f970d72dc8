// SPDX-License-Identifier: Apache-2.0
// The trainers that a config can name (`trainer.type`): recipes, and what each is made for. One
// .cpp per trainer has its description for configs and its registration under the name of the
// recipe.
#pragma once
#include <optional>
#include <string>
#include <tuple>

#include "weft/core/registry.h"
#include "weft/nn/models/models.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

// What a run has for its trainer. The model must outlive it.
struct TrainerContext {
  nn::Module& model;
  const LossRecipe& loss;
  const TrainerOptions& options;
  const data::DatasetInfo& data;
  std::string checkpoint =
      {};  // folder of the one that the run goes on from; empty at its beginning
};

}  // namespace weft::train

namespace weft {
// recipe.make(TrainerContext{…})
template <>
struct RegistryTraits<train::Trainer> : RegistryDefaults<train::Trainer> {
  static constexpr const char* kind = "trainer";
  using Context = std::tuple<const train::TrainerContext&>;
};
}  // namespace weft

namespace weft::train {

using TrainerRecipe = Recipe<Trainer>;

// One model, the run's: Trainer itself.
TrainerRecipe standard();

// Two models: the run's, called `model`, learns from the labels and from a frozen one, `teacher`,
// whose outputs it imitates at a raised temperature:
//   loss = (1 − weight)·loss(x, labels) + weight·T²·KL(softmax(teacher(x)/T) ‖ softmax(model(x)/T))
// The teacher is in evaluation mode and keeps its bytes; it sees inputs normalised as it was
// trained with, and each checkpoint has it beside the model. For loss.type: classification, where
// each sample counts the same. source: Hinton, Vinyals & Dean 2015, arXiv:1503.02531 §2
struct DistillationOptions {
  std::string teacher;  // safetensors file written by weft export, which says its architecture
  double temperature = 4;
  double weight = 0.7;  // of the teacher
};
void describe(Fields& f, DistillationOptions& o);
TrainerRecipe distillation(const DistillationOptions& options);

// Two models that play against each other. The run's, `model`, learns inputs as they are and as a
// second one, `adversary`, changes them: each number by up to `strength`, so as to raise the loss.
//   loss = (1 − weight)·L(model(x)) + weight·L(model(x + strength·tanh(adversary(x))))
// The model descends it. The adversary climbs it, with an optimizer and a schedule of its own (Note
// [Several optimizers]). Each checkpoint has both. For inputs that are images or numbers. source:
// Baluja & Fischer 2017, arXiv:1703.09387 (a network as adversary); Ganin & Lempitsky 2015,
// arXiv:1409.7495 §3.1 (one loss, a gradient turned round)
struct AdversaryOptions {
  Recipe<nn::Model> model;
  optim::OptimizerRecipe optimizer;
  std::optional<optim::ScheduleRecipe> scheduler = {};  // constant
};
struct AdversarialOptions {
  double strength = 0.5;
  double weight = 0.5;
  AdversaryOptions adversary = {};
};
void describe(Fields& f, AdversaryOptions& o);
void describe(Fields& f, AdversarialOptions& o);
TrainerRecipe adversarial(const AdversarialOptions& options);

}  // namespace weft::train
