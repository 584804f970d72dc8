// SPDX-License-Identifier: Apache-2.0
// `chain`: another way to write a list of strategies in a config.
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

const bool registered = Registry<Strategy>::add<
    ChainOptions>("chain", [](const ChainOptions& options) -> std::unique_ptr<Strategy> {
  fail(
      "chain: {} strategies are given as one; a list of them (unchained()), each an observer of "
      "its own, is required",
      options.strategies.size());
});

}  // namespace

void describe(Fields& f, ChainOptions& o) {
  f("strategies", o.strategies, "several, in this order", required());
}

std::vector<StrategyRecipe> unchained(const std::vector<StrategyRecipe>& strategies) {
  std::vector<StrategyRecipe> all;
  for (const StrategyRecipe& each : strategies) {
    const auto* chain = each.options_if<ChainOptions>();
    if (chain == nullptr) {
      all.push_back(each);
      continue;
    }
    for (StrategyRecipe& inner : unchained(chain->strategies)) {
      if (!each.enabled()) inner.set_enabled(false);
      all.push_back(std::move(inner));
    }
  }
  return all;
}

StrategyRecipe chain(const ChainOptions& options) { return StrategyRecipe::of("chain", options); }

}  // namespace weft::train
