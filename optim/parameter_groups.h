// SPDX-License-Identifier: Apache-2.0
// Parameter groups: parts of a model, chosen by name, with a learning rate or a decay of their own.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/core/fields.h"

namespace weft::optim {

// What is set applies to every parameter that one of the globs matches; where several groups match,
// the last one that sets a value decides it.
struct ParamGroup {
  std::vector<std::string> match = {};
  std::optional<double> lr_factor = {};     // of the optimizer's learning rate
  std::optional<double> weight_decay = {};  // in place of the optimizer's
};
void describe(Fields& f, ParamGroup& o);

// What the groups come to for one parameter.
struct ParamSettings {
  double lr_factor = 1;
  double weight_decay = 0;
};
// One for each name, in order. Throws UserError for a glob that matches no name.
std::vector<ParamSettings> settings_of(const std::vector<ParamGroup>& groups,
                                       const std::vector<std::string>& names, double weight_decay);

}  // namespace weft::optim
