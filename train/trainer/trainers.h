// SPDX-License-Identifier: Apache-2.0
// The trainers that a config can name (`trainer.type`), as recipes. One .cpp per trainer has its
// description for configs and its registration under the name of the recipe.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "weft/core/registry.h"
#include "weft/nn/models/models.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

// The models of a config's section `models`, each with its entry of `optimizers`.
using FurtherModels = std::map<std::string, FurtherModel>;

// The parts of a run that a trainer is made from. The model must outlive the trainer.
struct TrainerContext {
  nn::Module& model;
  const LossRecipe& loss;
  const TrainerOptions& options;
  const data::DatasetInfo& data;
  std::string checkpoint =
      {};  // folder of the checkpoint that the run resumes from; empty for a new run
  // A trainer takes those that it names (Trainer::add_model). One that is left is an error.
  FurtherModels* models = nullptr;
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

// outputs_of() of a trainer, for an evaluator (EvaluatorOptions). The trainer must outlive it.
std::function<Variable(const Variable&, const TensorTree&)> outputs_of(Trainer& trainer);

// Measures the training batches of later epochs with these metrics: EpochResult::metrics. They read
// the outputs that the loss is computed from, so the weights are those before each step, and
// dropout is on. Without metrics nothing is computed. Called between epochs, before a state is
// loaded. Throws UserError for an unknown name, and of several ranks for a metric without merge().
// begin_epoch() throws it for a metric without state(), for targets of another kind, and for a
// metric of labels where data.mix leaves none. A trainer whose loss gives no outputs to measure()
// is refused in its first step. With `probe`, it is refused at once: the loss of that loader's
// first batch is computed and forgotten.
void set_metrics(Trainer& trainer, std::vector<std::string> names, data::Loader* probe = nullptr);

// Makes the learning-rate schedules of all optimizers of a trainer constant, also of those that it
// has added itself from options of its own.
void drop_schedules(Trainer& trainer);

// Trainer itself: it trains the run's model.
TrainerRecipe standard();

// Two models. The run's model, called `model`, learns from the labels and from a frozen model,
// `teacher`, whose outputs it imitates at a raised temperature:
//   loss = (1 − weight)·loss(x, labels) + weight·T²·KL(softmax(teacher(x)/T) ‖ softmax(model(x)/T))
// The teacher is in evaluation mode and is never changed. Its inputs are normalised as in its own
// training. Each checkpoint has it beside the model. Requires loss.type: classification, without
// class weights or ignored labels. source: Hinton, Vinyals & Dean 2015, arXiv:1503.02531 §2
struct DistillationOptions {
  std::string teacher;  // safetensors file written by weft export, with its architecture
  double temperature = 4;
  double weight = 0.7;  // of the teacher's term
};
void describe(Fields& f, DistillationOptions& o);
TrainerRecipe distillation(const DistillationOptions& options);

// Two models that are trained against each other. The run's model, called `model`, learns from the
// original inputs and from inputs that a second model, `adversary`, has changed. The adversary
// changes each element by up to `strength`, to raise the loss.
//   loss = (1 − weight)·L(model(x)) + weight·L(model(x + strength·tanh(adversary(x))))
// The model descends this loss. The adversary ascends it, with an optimizer and a schedule of its
// own (Note [Several optimizers]). Each checkpoint has both. Inputs must be images or real values.
// source: Baluja & Fischer 2017, arXiv:1703.09387 (a network as adversary); Ganin & Lempitsky 2015,
// arXiv:1409.7495 §3.1 (one loss, gradient reversal)
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
