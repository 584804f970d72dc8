// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/core/log.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/ops.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

class Ema final : public Callback {
 public:
  explicit Ema(const EmaOptions& options) : options_(options) {}

  void on_setup(Orchestrator& run) override {
    const std::vector<CallbackRecipe>& all = run.config().callbacks;
    const auto count = std::count_if(all.begin(), all.end(), [](const CallbackRecipe& each) {
      return each.name() == "ema" && each.enabled();
    });
    WEFT_CHECK(count <= 1, "callbacks: ema is given {} times; at most one is required", count);
  }

  // The average has the layout of the weights: the order of the model's parameters.
  void state(State& s) override {
    s.within("steps", steps_, 0, kMostSaved)("average", average_)("statistics", statistics_);
    WEFT_CHECK(!s.loading() || average_.defined(),
               "average is null and steps is {}; a tensor is required", steps_);
  }

  void on_train_begin(Orchestrator& run) override {
    const Tensor& weights = run.trainer().optimizer().parameters().values();
    if (!average_.defined()) average_ = weights.clone();
    WEFT_CHECK(average_.shape() == weights.shape() && average_.dtype() == weights.dtype(),
               "ema: the average has {} numbers in {} and the model {} in {}; they must be equal",
               average_.elements(), average_.dtype(), weights.elements(), weights.dtype());
    average_ = average_.to(weights.device());
    scratch_ = Tensor::empty_like(average_);
    buffers_.clear();
    for (const nn::NamedBuffer& b : run.model().named_buffers()) {
      if (!is_floating(b.buffer->value.dtype())) continue;
      Tensor& average = statistics_[b.name];
      average = average.defined() ? average.to(weights.device()) : b.buffer->value.clone();
      buffers_.push_back({b.buffer->value, average, Tensor::empty_like(average)});
    }
    log_info(
        "ema: validation and test evaluate the averaged weights, as --weights ema of evaluate, "
        "predict and export does");
  }
  std::string evaluated_weights() const override { return average_.defined() ? "ema" : ""; }

  // The average needs the weights directly after each step.
  bool needs_outcome(const Trainer&) const override { return true; }
  // With the difference form, an average that equals its weight keeps its bytes. This holds for a
  // frozen parameter.
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override {
    if (!outcome.applied) return;
    const auto n = static_cast<double>(++steps_);
    const double decay =
        options_.warmup ? std::min(options_.decay, (1 + n) / (10 + n)) : options_.decay;
    follow(trainer.optimizer().parameters().values(), average_, scratch_, decay);
    for (Averaged& b : buffers_) follow(b.value, b.average, b.scratch, decay);
  }

  // The average of weights that training has left behind may hold NaN, which stays in an average.
  void on_repaired(Orchestrator& run) override {
    average_.copy_from(run.trainer().optimizer().parameters().values());
    for (const Averaged& b : buffers_) b.average.copy_from(b.value);
    steps_ = 0;
    log_info("ema: the average begins again from the weights that the run goes back to");
  }

  void on_validation_begin(Orchestrator& run) override { swap(run); }
  void on_validation_end(Orchestrator& run, const Evaluation&) override { swap(run); }
  void on_validation_abandoned(Orchestrator& run) override { swap(run); }

  void on_checkpoint(Orchestrator& run, Snapshot& snapshot) override {
    if (!run.ranks().is_first()) return;
    swap(run);
    snapshot.add(weights_file("ema"), state_of(run.model()), run.model_metadata());
    swap(run);
  }

 private:
  static void follow(const Tensor& value, Tensor& average, Tensor& scratch, double decay) {
    sub(scratch, value, average);
    affine(scratch, scratch, 1 - decay, 0);
    add(average, average, scratch);
  }
  static void exchange(const Tensor& value, const Tensor& average, const Tensor& scratch) {
    scratch.copy_from(value);
    value.copy_from(average);
    average.copy_from(scratch);
  }
  // Exchanges the model's weights and statistics with their averages.
  void swap(Orchestrator& run) {
    if (!average_.defined()) return;  // before training
    exchange(run.trainer().optimizer().parameters().values(), average_, scratch_);
    for (const Averaged& b : buffers_) exchange(b.value, b.average, b.scratch);
  }

  // These tensors share their storage with the model and with statistics_.
  struct Averaged {
    Tensor value, average, scratch;
  };
  EmaOptions options_;
  Tensor average_, scratch_;
  std::map<std::string, Tensor> statistics_;  // of batch norms, by name
  std::vector<Averaged> buffers_;
  i64 steps_ = 0;
};

const bool registered = Registry<Callback>::add<Ema, EmaOptions>("ema");

}  // namespace

void describe(Fields& f, EmaOptions& o) {
  f("decay", o.decay, "share of the average that a step keeps", from_to_below(0, 1));
  f("warmup", o.warmup, "a shorter average at the beginning");
}

CallbackRecipe ema(const EmaOptions& options) { return CallbackRecipe::of("ema", options); }

}  // namespace weft::train
