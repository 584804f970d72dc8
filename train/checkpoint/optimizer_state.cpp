// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/optimizer_state.h"

#include <fmt/format.h>

#include "weft/core/log.h"

namespace weft::train {

void optimizer_state(State& s, optim::Optimizer& optimizer) {
  const std::vector<std::string> slots = optimizer.slot_names();
  const optim::OptimizerState now = optimizer.state();
  i64 applied_steps = now.applied_steps;
  std::map<std::string, i64> steps;  // loading replaces what is in these
  std::map<std::string, std::map<std::string, Tensor>> tensors;
  for (const auto& [name, parameter] : now.parameters) {
    steps[name] = parameter.steps;
    for (std::size_t slot = 0; slot < slots.size(); ++slot)
      tensors[name][slots[slot]] = parameter.slots[slot];
  }
  s.within("applied_steps", applied_steps, 0, kMostSaved).within("steps", steps, 0, kMostSaved);
  s("parameters", tensors);
  if (!s.loading()) return;

  optim::OptimizerState saved{applied_steps, {}};
  i64 others = 0;
  const Device device = optimizer.parameters().values().device();
  for (const auto& [name, count] : steps) {
    const std::map<std::string, Tensor>& found = tensors[name];  // empty where nothing is kept
    optim::ParameterState parameter{count, {}};
    for (const std::string& slot : slots)
      if (const auto tensor = found.find(slot); tensor != found.end())
        parameter.slots.push_back(tensor->second.to(device));
    if (found.size() == slots.size() && parameter.slots.size() == slots.size())
      saved.parameters[name] = std::move(parameter);
    else ++others;
  }
  if (others > 0)
    log_warning(
        "resume: the optimizer's state of {} parameters is of another kind than {}; it starts "
        "at zero",
        others, slots.empty() ? "none" : fmt::format("{}", fmt::join(slots, ", ")));
  optimizer.load_state(saved);
}

}  // namespace weft::train
