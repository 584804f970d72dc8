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

// Something with a state that a checkpoint holds. It need not have been saved where it is optional: a
// callback that the config does not know, or what only a GPU has.
struct StatefulPart {
  std::string name;
  std::function<void(State&)> state;
  bool optional = false;
};

class Hooks {
 public:
  void add(std::unique_ptr<Strategy> strategy, std::string name);
  // `name`: as the config has it; empty for one that an application added.
  void add(std::shared_ptr<Callback> callback, std::string name);

  const std::vector<std::unique_ptr<Strategy>>& strategies() const { return strategies_; }
  const std::vector<std::shared_ptr<Callback>>& callbacks() const { return callbacks_; }
  // Parts called strategy, callbacks.I.NAME and added.I.
  std::vector<StatefulPart> parts();

  template <class... A>
  void each(void (Callback::*hook)(A...), std::type_identity_t<A>... arguments) const {
    for (const auto& callback : callbacks_) ((*callback).*hook)(arguments...);
  }

 private:
  std::vector<std::unique_ptr<Strategy>> strategies_;
  std::vector<std::string> strategy_names_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  std::vector<std::string> callback_names_;
};

}  // namespace weft::train
