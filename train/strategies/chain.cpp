// SPDX-License-Identifier: Apache-2.0
// `chain`: another way to write a list of strategies in a config.
#include "weft/train/strategies/strategies.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "weft/core/json.h"

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

namespace {

using ChainJson = nlohmann::ordered_json;

// Appends the entries of a state of strategies, whose tensors are under `path`.
void append_entries(const ChainJson& from, const std::string& path,
                    const std::map<std::string, Tensor>& tensors, ChainJson& to, StateRecord& all) {
  for (const auto& [key, state] : from.items()) {
    const std::string inside = path + key + ".", name = key.substr(key.find('.') + 1);
    if (name == "chain" && state.is_object()) {
      append_entries(state, inside, tensors, to, all);
      continue;
    }
    const std::string place = fmt::format("{}.{}", to.size(), name);
    to[place] = state;
    for (auto each = tensors.lower_bound(inside);
         each != tensors.end() && each->first.starts_with(inside); ++each)
      all.tensors[place + "." + each->first.substr(inside.size())] = each->second;
  }
}

}  // namespace

StateRecord unchained(const StateRecord& strategies) {
  const auto json = parse_json<ChainJson>(strategies.json, "strategy: its saved state");
  const auto chained = [](const auto& entry) { return entry.key().ends_with(".chain"); };
  const auto entries = json.items();
  if (!json.is_object() || std::none_of(entries.begin(), entries.end(), chained)) return strategies;
  StateRecord all;
  ChainJson list = ChainJson::object();
  append_entries(json, "", strategies.tensors, list, all);
  all.json = list.dump();
  return all;
}

StrategyRecipe chain(const ChainOptions& options) { return StrategyRecipe::of("chain", options); }

}  // namespace weft::train
