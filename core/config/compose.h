// SPDX-License-Identifier: Apache-2.0
// The first key of a config may compose it from other files:
//
//   defaults:
//     - base                       # base.yaml beside this file
//     - optimizer: sgd             # optimizer/sgd.yaml, as the section optimizer
//     - optional local             # nothing if there is no local.yaml
//     - override scheduler: step   # a file above chose another scheduler
//     - _self_                     # where this file's own keys come; without it, last
//
// Later files win, by the rules of merge.h. The files may have defaults of their own.
#pragma once
#include <string>
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

constexpr int kMaxFiles = 100;        // of one config
constexpr int kMaxFilesInFiles = 16;  // of defaults in defaults

// Reads a file and the files that its defaults name. Appends a problem for each file that is
// missing (with the nearest existing name), unreadable, not YAML, or part of a cycle, and for an
// entry of a defaults list that is malformed or has no effect. Returns false if the tree cannot be
// read further.
bool compose(const std::string& path, Node& root, std::vector<Problem>& problems, Usage& used);
// Does the same for a text that stands for a file of this name. Defaults are looked up from the
// folder of that name.
bool compose_text(std::string_view yaml, const std::string& path, Node& root,
                  std::vector<Problem>& problems, Usage& used);

}  // namespace weft::config
