// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/parameter_groups.h"

#include "weft/core/glob.h"

namespace weft::optim {

void describe(Fields& f, ParamGroup& o) {
  f("match", o.match, "globs of parameter names, like *.bias", required());
  f("lr_factor", o.lr_factor, "multiplies the learning rate of the optimizer", non_negative_f32);
  f("weight_decay", o.weight_decay, "replaces the weight decay of the optimizer", non_negative_f32);
}

std::vector<ParamSettings> settings_of(const std::vector<ParamGroup>& groups,
                                       const std::vector<std::string>& names, double weight_decay) {
  std::vector<ParamSettings> settings(names.size(), ParamSettings{.weight_decay = weight_decay});
  for (const ParamGroup& group : groups)
    for (const i64 index : glob_select("param_groups", group.match, names)) {
      ParamSettings& chosen = settings[static_cast<std::size_t>(index)];
      chosen.lr_factor = group.lr_factor.value_or(chosen.lr_factor);
      chosen.weight_decay = group.weight_decay.value_or(chosen.weight_decay);
    }
  return settings;
}

}  // namespace weft::optim
