// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/hooks.h"

#include <fmt/format.h>

namespace weft::train {

void Hooks::add(std::unique_ptr<Strategy> strategy, std::string name) {
  strategies_.push_back(std::move(strategy));
  strategy_names_.push_back(std::move(name));
}

void Hooks::add(std::shared_ptr<Callback> callback, std::string part) {
  callbacks_.push_back(std::move(callback));
  callback_parts_.push_back(std::move(part));
}

std::vector<StatefulPart> Hooks::parts(bool as_list) {
  std::vector<StatefulPart> parts;
  if (!strategies_.empty())
    parts.push_back({"strategy", [this, as_list](State& s) {
                       if (!as_list) return strategies_.front()->state(s);
                       for (std::size_t i = 0; i < strategies_.size(); ++i)
                         s(strategy_names_[i], *strategies_[i]);
                     }});
  std::size_t added = 0;
  for (std::size_t i = 0; i < callbacks_.size(); ++i) {
    const bool configured = !callback_parts_[i].empty();
    parts.push_back({configured ? callback_parts_[i] : fmt::format("added.{}", added++),
                     [callback = callbacks_[i]](State& s) { callback->state(s); }, !configured});
  }
  return parts;
}

}  // namespace weft::train
