// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

// Gradient reversal: the identity forward, −gradient backward. So the adversary ascends the loss
// that the model descends.
Variable turned_round(const Variable& x) {
  return Variable(add(x.value(), x.value())) - x;  // 2x − x has no rounding
}

class Adversarial final : public Trainer {
 public:
  Adversarial(const AdversarialOptions& options, const TrainerContext& context)
      : Trainer(context), options_(options) {
    WEFT_CHECK(
        !context.data.has_tokens(),
        "trainer 'adversarial': the samples of {} are tokens; images or numbers are required",
        context.data.name);
    const ModelMetadata metadata{.model = options.adversary.model,
                                 .input = {context.data.sample, context.data.sample.elements()},
                                 .sample_dtype = context.data.sample_dtype,
                                 .normalization = context.options.normalization.value_or(
                                     data::no_normalization(context.data))};
    adversary_ = &add_model("adversary",
                            {.module = metadata.model.make(metadata.input),
                             .metadata = metadata_of(metadata),
                             .optimizer = options.adversary.optimizer,
                             .scheduler = options.adversary.scheduler.value_or(optim::constant())});
  }

 protected:
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const Variable change = options_.strength * tanh(turned_round((*adversary_)(x)));
    const Variable outputs = model()(x);
    measure(outputs, target);
    const Variable plain = loss()(outputs, target);
    const Variable changed = loss()(model()(x + reshape(change, x.shape())), target);
    return (1 - options_.weight) * plain + options_.weight * changed;
  }

 private:
  AdversarialOptions options_;
  nn::Module* adversary_;
};

const bool registered = Registry<Trainer>::add<Adversarial, AdversarialOptions>("adversarial");

}  // namespace

void describe(Fields& f, AdversaryOptions& o) {
  f("model", o.model, "from an input to as many numbers", required());
  f("optimizer", o.optimizer, "of the adversary", required());
  f("scheduler", o.scheduler, "of its learning rate; null: constant");
}

void describe(Fields& f, AdversarialOptions& o) {
  f("strength", o.strength, "what a number of a normalised input is changed by at most", positive);
  f("weight", o.weight, "share of changed inputs in the loss", in_range(0, 1));
  f("adversary", o.adversary, "the model that changes inputs, and how it learns to");
}

TrainerRecipe adversarial(const AdversarialOptions& options) {
  return TrainerRecipe::of("adversarial", options);
}

}  // namespace weft::train
