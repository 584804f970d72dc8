// SPDX-License-Identifier: Apache-2.0
// Parameter groups: parameters chosen by name that have their own learning-rate factor or weight
// decay.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/core/fields.h"

namespace weft::optim {

// The values that are set apply to every parameter that one of the globs matches. If several groups
// match, the last one that sets a value decides.
struct ParamGroup {
  std::vector<std::string> match = {};
  std::optional<double> lr_factor = {};     // multiplies the optimizer's learning rate
  std::optional<double> weight_decay = {};  // replaces the optimizer's weight decay
};
void describe(Fields& f, ParamGroup& o);

// The resulting values for one parameter.
struct ParamSettings {
  double lr_factor = 1;
  double weight_decay = 0;
};
// The settings of each name, in order. Throws UserError for a glob that matches no name.
std::vector<ParamSettings> settings_of(const std::vector<ParamGroup>& groups,
                                       const std::vector<std::string>& names, double weight_decay);

}  // namespace weft::optim
