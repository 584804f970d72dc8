// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/nn/serialize.h"
#include "weft/tensor/ops.h"
#include "weft/train/callbacks.h"
#include "weft/train/model_card.h"
#include "weft/train/orchestrator.h"

namespace weft::train {
namespace {

class Ema final : public Callback {
 public:
  explicit Ema(const EmaOptions& options) : options_(options) {}

  // The average lies as the weights do: in the order of the model's parameters.
  void state(State& s) override { s("steps", steps_)("average", average_); }

  void on_train_begin(Orchestrator& run) override {
    const Tensor& weights = run.trainer().optimizer().parameters().values();
    if (!average_.defined()) average_ = weights.clone();
    WEFT_CHECK(average_.shape() == weights.shape() && average_.dtype() == weights.dtype(),
               "ema: the average has {} numbers in {} and the model {} in {}; they must be equal",
               average_.elements(), average_.dtype(), weights.elements(), weights.dtype());
    scratch_ = Tensor::empty_like(average_);
  }

  // The difference form leaves an average that equals its weight, as of a frozen parameter, to the bit.
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override {
    if (!outcome.applied) return;
    const auto n = static_cast<double>(++steps_);
    const double decay =
        options_.warmup ? std::min(options_.decay, (1 + n) / (10 + n)) : options_.decay;
    sub(scratch_, trainer.optimizer().parameters().values(), average_);
    affine(scratch_, scratch_, 1 - decay, 0);
    add(average_, average_, scratch_);
  }

  void on_validation_begin(Orchestrator& run) override { swap(run); }
  void on_validation_end(Orchestrator& run, const Evaluation&) override { swap(run); }

  void on_checkpoint(Orchestrator& run, Snapshot& snapshot) override {
    swap(run);
    snapshot.add("ema.safetensors", state_of(run.model()),
                 model_card(run.config(), run.data().train->info(), run.data().normalization));
    swap(run);
  }

 private:
  // The weights in the model and the average change places.
  void swap(Orchestrator& run) {
    const Tensor& weights = run.trainer().optimizer().parameters().values();
    scratch_.copy_from(weights);
    weights.copy_from(average_);
    average_.copy_from(scratch_);
  }

  EmaOptions options_;
  Tensor average_, scratch_;
  i64 steps_ = 0;
};

const bool registered = Registry<Callback>::add<Ema, EmaOptions>("ema");

}  // namespace

void describe(Fields& f, EmaOptions& o) {
  f("decay", o.decay, "share of the average that a step keeps", from_to_below(0, 1))(
      "warmup", o.warmup, "a shorter average at the beginning");
}

CallbackRecipe ema(const EmaOptions& options) { return CallbackRecipe::of("ema", options); }

}  // namespace weft::train
