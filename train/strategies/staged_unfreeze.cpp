// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/nn/batch_norm.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

// Converts `gradual` to stages, for the parameters of a model in their order.
std::vector<UnfreezeStage> gradual_stages(const GradualUnfreeze& gradual,
                                          const nn::NamedParameters& parameters) {
  std::vector<std::vector<std::string>> layers;  // from the bottom up
  std::string path;
  for (const nn::NamedParameter& p : parameters) {
    const std::string module = p.name.substr(0, p.name.rfind('.') + 1);
    if (layers.empty() || (module != path && p.variable.shape().rank() >= 2)) layers.emplace_back();
    path = module;
    layers.back().push_back(p.name);
  }
  std::vector<UnfreezeStage> stages;
  std::vector<LrFactor> rates;
  double factor = 1;
  for (std::size_t depth = 0; depth < layers.size(); ++depth) {
    const std::vector<std::string>& layer = layers[layers.size() - 1 - depth];
    rates.push_back({layer, factor});
    const double amount = gradual.every.amount() * static_cast<double>(depth);
    const Duration at(fmt::format("{}{}", amount, gradual.every.in_epochs() ? "ep" : "ba"));
    stages.push_back({.at = at, .train = layer, .rates = rates});
    factor *= gradual.lr_decay;
  }
  return stages;
}

class StagedUnfreeze final : public Strategy {
 public:
  explicit StagedUnfreeze(const StagedUnfreezeOptions& options)
      : options_(options), stages_(options.stages) {}

  void on_setup(Trainer& trainer) override {
    const nn::NamedParameters parameters = trainer.named_parameters();
    if (options_.gradual) stages_ = gradual_stages(*options_.gradual, parameters);
    for (const nn::NamedParameter& p : parameters) names_.push_back(p.name);
    for (const nn::NamedModule& named : trainer.model().named_modules())
      if (dynamic_cast<const nn::BatchNorm*>(named.module) != nullptr)
        norms_.push_back(named.path + ".");
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const std::string what = fmt::format("strategy.stages[{}]", i);
      glob_select(what + ".train", stages_[i].train, names_);
      glob_select(what + ".freeze", stages_[i].freeze, names_);
      for (const LrFactor& rate : stages_[i].rates)
        glob_select(what + ".rates", rate.match, names_);
      const std::vector<bool> train = trained(i);
      WEFT_CHECK(std::find(train.begin(), train.end(), true) != train.end(),
                 "{}: leaves all {} parameters frozen; at least one that trains is required", what,
                 names_.size());
    }
  }

  void state(State& s) override {
    s.within("stage", stage_, 0, static_cast<double>(stages_.size() - 1));
  }

  void on_train_begin(Trainer& trainer) override {
    stage_ = std::max(stage_, reached(trainer));
    enter(trainer);
  }
  void on_epoch_begin(Trainer& trainer, i64) override { advance(trainer); }
  void on_step_begin(Trainer& trainer, i64) override { advance(trainer); }

 private:
  // The last stage that has begun.
  i64 reached(const Trainer& trainer) const {
    i64 stage = 0;
    while (stage + 1 < static_cast<i64>(stages_.size()) &&
           trainer.reached(stages_[static_cast<std::size_t>(stage) + 1].at))
      ++stage;
    return stage;
  }

  void advance(Trainer& trainer) {
    if (stage_ + 1 == static_cast<i64>(stages_.size())) return;
    const i64 now = reached(trainer);
    if (now <= stage_) return;
    stage_ = now;
    enter(trainer);
  }

  bool is_norm(const std::string& name) const {
    return std::any_of(norms_.begin(), norms_.end(),
                       [&](const std::string& path) { return name.starts_with(path); });
  }

  // Whether each parameter trains in this stage. This stage and those before it are applied in
  // order.
  std::vector<bool> trained(std::size_t stage) const {
    std::vector<bool> train(names_.size(), false);
    for (std::size_t s = 0; s <= stage; ++s) {
      for (const i64 i : glob_select("strategy", stages_[s].train, names_))
        train[static_cast<std::size_t>(i)] = true;
      for (const i64 i : glob_select("strategy", stages_[s].freeze, names_))
        train[static_cast<std::size_t>(i)] = false;
    }
    if (options_.batch_norm == UnfreezeBatchNorm::always_frozen)
      for (std::size_t i = 0; i < names_.size(); ++i)
        if (is_norm(names_[i])) train[i] = false;
    return train;
  }

  void enter(Trainer& trainer) {
    const auto index = static_cast<std::size_t>(stage_);
    const UnfreezeStage& stage = stages_[index];
    const std::vector<bool> train = trained(index);
    const nn::NamedParameters parameters = trainer.named_parameters();
    i64 count = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters[i].variable.set_requires_grad(train[i]);
      count += train[i] ? 1 : 0;
    }
    std::vector<LrFactor> rates{{{"*"}, stage.lr_factor}};
    for (const LrFactor& rate : stage.rates)
      rates.push_back({rate.match, rate.lr_factor * stage.lr_factor});
    trainer.set_lr_factors(rates);
    log_info("staged_unfreeze: stage {} of {}: {} of {} parameters train, learning rate × {}",
             index + 1, stages_.size(), count, parameters.size(), stage.lr_factor);
    trainer.rebuild_optimizer_and_scheduler();
  }

  StagedUnfreezeOptions options_;
  std::vector<UnfreezeStage> stages_;
  std::vector<std::string> names_, norms_;  // of parameters; of batch norms, with a dot at the end
  i64 stage_ = 0;
};

const bool registered =
    Registry<Strategy>::add<StagedUnfreeze, StagedUnfreezeOptions>("staged_unfreeze");

// Compares durations of the same unit. Others are compared when the length of an epoch is known.
bool in_order(const std::vector<UnfreezeStage>& stages) {
  for (std::size_t i = 1; i < stages.size(); ++i) {
    const Duration &a = stages[i - 1].at, &b = stages[i].at;
    if ((a.is_zero() || a.in_epochs() == b.in_epochs()) && a.amount() >= b.amount()) return false;
  }
  return true;
}

}  // namespace

void describe(Fields& f, UnfreezeStage& o) {
  f("at", o.at, "when: 3ep is when three epochs are done", required());
  f("train", o.train, "globs of parameters that train from then on");
  f("freeze", o.freeze, "globs of parameters that no longer do");
  f("lr_factor", o.lr_factor, "of every rate, until the next stage", non_negative);
  f("rates", o.rates, "factors by parameter, times lr_factor");
}

void describe(Fields& f, GradualUnfreeze& o) {
  f("every", o.every, "time between one layer and the next");
  f("lr_decay", o.lr_decay, "rate of a layer over that of the one above it", positive);
  f.rule(!o.every.is_zero(), "every", "a duration above 0");
}

void describe(Fields& f, StagedUnfreezeOptions& o) {
  f("batch_norm", o.batch_norm,
    "whether batch norms are unfrozen with the other matches of a stage");
  f("stages", o.stages, "the parameters that are unfrozen, and when");
  f("gradual", o.gradual, "in place of stages: layer by layer, from the top down");
  f.rule(o.stages.empty() == o.gradual.has_value(), "stages",
         "either stages or gradual, and not both");
  f.rule(o.stages.empty() || o.stages.front().at.is_zero(), "stages", "a first stage at 0ep");
  f.rule(in_order(o.stages), "stages", "stages in the order of their times");
}

StrategyRecipe staged_unfreeze(const StagedUnfreezeOptions& options) {
  return StrategyRecipe::of("staged_unfreeze", options);
}

}  // namespace weft::train
