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

// Something with a state that a checkpoint holds. It need not have been saved where it is optional:
// a callback that the config does not know, or what only a GPU has.
struct StatefulPart {
  std::string name;
  std::function<void(State&)> state;
  bool optional = false;
};

class Hooks {
 public:
  // `name`: its place in the list and its name, I.NAME.
  void add(std::unique_ptr<Strategy> strategy, std::string name);
  // `part`: of a checkpoint; empty for a callback that an application added.
  void add(std::shared_ptr<Callback> callback, std::string part);

  const std::vector<std::unique_ptr<Strategy>>& strategies() const { return strategies_; }
  const std::vector<std::shared_ptr<Callback>>& callbacks() const { return callbacks_; }
  // The part `strategy`, and one for each callback. The state of a strategy is under its name, or,
  // where the config has just one, directly in the part.
  std::vector<StatefulPart> parts(bool as_list);

 private:
  std::vector<std::unique_ptr<Strategy>> strategies_;
  std::vector<std::string> strategy_names_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  std::vector<std::string> callback_parts_;
};

}  // namespace weft::train
