// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/core/glob.h"
#include "weft/nn/batch_norm.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

class FreezeBatchNorm final : public Strategy {
 public:
  explicit FreezeBatchNorm(const FreezeBatchNormOptions& options) : options_(options) {}

  void on_setup(Trainer& trainer) override {
    std::vector<std::string> paths;
    std::vector<nn::BatchNorm*> norms;
    for (const nn::NamedModule& named : trainer.model().named_modules())
      if (auto* norm = dynamic_cast<nn::BatchNorm*>(named.module)) {
        paths.push_back(named.path);
        norms.push_back(norm);
      }
    WEFT_CHECK(!norms.empty(),
               "freeze_batch_norm: the model has no batch norm; at least one is required");
    for (const i64 i : glob_select("freeze_batch_norm: layers", options_.layers, paths))
      norms_.push_back(norms[static_cast<std::size_t>(i)]);
  }

  void state(State& s) override { s("frozen", frozen_); }

  void on_train_begin(Trainer& trainer) override { hold(trainer); }
  void on_epoch_begin(Trainer& trainer, i64) override { hold(trainer); }
  // Another strategy may have unfrozen them.
  void on_step_begin(Trainer& trainer, i64) override { hold(trainer); }

 private:
  void hold(Trainer& trainer) {
    if (!frozen_ && !trainer.reached(options_.at)) return;
    frozen_ = true;
    bool changed = false;
    for (nn::BatchNorm* norm : norms_) {
      norm->freeze_statistics(true);
      if (options_.affine == Affine::train) continue;
      for (const nn::Parameter* p : {&norm->weight, &norm->bias}) {
        changed |= p->variable().requires_grad();
        p->variable().set_requires_grad(false);
      }
    }
    if (changed) trainer.rebuild_optimizer_and_scheduler();
  }

  FreezeBatchNormOptions options_;
  std::vector<nn::BatchNorm*> norms_;
  bool frozen_ = false;
};

const bool registered =
    Registry<Strategy>::add<FreezeBatchNorm, FreezeBatchNormOptions>("freeze_batch_norm");

}  // namespace

void describe(Fields& f, FreezeBatchNormOptions& o) {
  f("layers", o.layers, "globs of the paths of batch norms, like features.1");
  f("at", o.at, "from when on");
  f("affine", o.affine, "what becomes of their weights and biases");
  f.rule(!o.layers.empty(), "layers", "at least one glob");
}

StrategyRecipe freeze_batch_norm(const FreezeBatchNormOptions& options) {
  return StrategyRecipe::of("freeze_batch_norm", options);
}

}  // namespace weft::train
