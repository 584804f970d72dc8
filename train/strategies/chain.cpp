// SPDX-License-Identifier: Apache-2.0
#include "weft/train/strategies/strategies.h"

#include <algorithm>

namespace weft::train {
namespace {

class Chain final : public Strategy {
 public:
  explicit Chain(const ChainOptions& options) {
    for (std::size_t i = 0; i < options.strategies.size(); ++i) {
      const StrategyRecipe& recipe = options.strategies[i];
      if (!recipe.enabled()) continue;
      names_.push_back(fmt::format("{}.{}", i, recipe.name()));
      parts_.push_back(recipe.make());
    }
  }

  void on_setup(Trainer& t) override { each(&Strategy::on_setup, t); }
  void on_train_begin(Trainer& t) override { each(&Strategy::on_train_begin, t); }
  void on_epoch_begin(Trainer& t, i64 epoch) override { each(&Strategy::on_epoch_begin, t, epoch); }
  void on_epoch_end(Trainer& t, const EpochResult& result) override {
    each(&Strategy::on_epoch_end, t, result);
  }
  void on_step_begin(Trainer& t, i64 step) override { each(&Strategy::on_step_begin, t, step); }
  void on_batch_begin(Trainer& t, const BatchInProgress& batch) override {
    each(&Strategy::on_batch_begin, t, batch);
  }
  void on_batch_end(Trainer& t, const Progress& progress) override {
    each(&Strategy::on_batch_end, t, progress);
  }
  void on_gradients(Trainer& t, double scale) override { each(&Strategy::on_gradients, t, scale); }
  void on_step_end(Trainer& t, const optim::StepOutcome& outcome) override {
    each(&Strategy::on_step_end, t, outcome);
  }
  void on_step_settled(Trainer& t) override { each(&Strategy::on_step_settled, t); }
  bool needs_gradients(const Trainer& t) const override {
    return std::any_of(parts_.begin(), parts_.end(),
                       [&](const auto& part) { return part->needs_gradients(t); });
  }
  bool needs_outcome(const Trainer& t) const override {
    return std::any_of(parts_.begin(), parts_.end(),
                       [&](const auto& part) { return part->needs_outcome(t); });
  }
  void on_non_finite(Trainer& t, const BatchInProgress& batch) override {
    each(&Strategy::on_non_finite, t, batch);
  }
  void on_rebuild(Trainer& t, const optim::RebuildReport& report) override {
    each(&Strategy::on_rebuild, t, report);
  }
  void state(State& s) override {
    for (std::size_t i = 0; i < parts_.size(); ++i) s(names_[i], *parts_[i]);
  }

 private:
  template <class... A, class... Given>
  void each(void (Strategy::*hook)(A...), Given&&... arguments) {
    for (const auto& part : parts_) ((*part).*hook)(arguments...);
  }
  template <class... A, class... Given>
  void each(void (TrainerObserver::*hook)(A...), Given&&... arguments) {
    for (const auto& part : parts_) ((*part).*hook)(arguments...);
  }

  std::vector<std::string> names_;  // with their places in the list, for checkpoints
  std::vector<std::unique_ptr<Strategy>> parts_;
};

const bool registered = Registry<Strategy>::add<Chain, ChainOptions>("chain");

}  // namespace

void describe(Fields& f, ChainOptions& o) {
  f("strategies", o.strategies, "several, in this order", required());
}

std::vector<StrategyRecipe> unchained(const std::vector<StrategyRecipe>& strategies) {
  if (strategies.size() != 1 || !strategies.front().enabled()) return strategies;
  // The state of a chain of one has another form than that of the one.
  const auto* options = strategies.front().options_if<ChainOptions>();
  return options != nullptr && options->strategies.size() > 1 ? options->strategies : strategies;
}

StrategyRecipe as_one(const std::vector<StrategyRecipe>& strategies) {
  if (std::none_of(strategies.begin(), strategies.end(),
                   [](const StrategyRecipe& each) { return each.enabled(); }))
    return {};
  return strategies.size() == 1 ? strategies.front() : chain({.strategies = strategies});
}

StrategyRecipe chain(const ChainOptions& options) { return StrategyRecipe::of("chain", options); }

}  // namespace weft::train
