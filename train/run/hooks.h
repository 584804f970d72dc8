// SPDX-License-Identifier: Apache-2.0
// The strategies and callbacks of a run, and their state in a checkpoint.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weft/train/run/callback.h"
#include "weft/train/strategies/strategy.h"

namespace weft::train {

// A part of a checkpoint with a state. An optional part may be missing from a checkpoint: the state
// of a callback that the config does not name, or state that exists only on a GPU.
struct StatefulPart {
  std::string name;
  std::function<void(State&)> state;
  bool optional = false;
};

class Hooks {
 public:
  // `name` is I.NAME: the index in the list and the name of the strategy.
  void add(std::unique_ptr<Strategy> strategy, std::string name);
  // `part` names the part of a checkpoint; empty for a callback that an application added.
  void add(std::shared_ptr<Callback> callback, std::string part);

  const std::vector<std::unique_ptr<Strategy>>& strategies() const { return strategies_; }
  const std::vector<std::shared_ptr<Callback>>& callbacks() const { return callbacks_; }
  // The part `strategy`, and one part for each callback. The state of a strategy is stored under
  // its name, or directly in the part if the config has only one strategy.
  std::vector<StatefulPart> parts(bool as_list);

 private:
  std::vector<std::unique_ptr<Strategy>> strategies_;
  std::vector<std::string> strategy_names_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  std::vector<std::string> callback_parts_;
};

}  // namespace weft::train
