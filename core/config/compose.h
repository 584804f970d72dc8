// SPDX-License-Identifier: Apache-2.0
// A config may be put together from others by its first key:
//
//   defaults:
//     - base                       # base.yaml beside this file
//     - optimizer: sgd             # optimizer/sgd.yaml, as the section optimizer
//     - optional local             # nothing if there is no local.yaml
//     - override scheduler: step   # a file above chose another scheduler
//     - _self_                     # where this file's own keys come; without it, last
//
// Later ones win, by the rules of merge.h. Files may have defaults of their own.
#pragma once
#include <string>
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

constexpr int kMaxFiles = 100;        // of one config
constexpr int kMaxFilesInFiles = 16;  // of defaults in defaults

// Reads a file and those its defaults name. Appends a problem for each that is missing (with the
// nearest name there is), unreadable, no YAML, or part of a cycle, and for a malformed or idle
// entry of a defaults list. False if the tree cannot be read further.
bool compose(const std::string& path, Node& root, std::vector<Problem>& problems);
// The same for a text that stands for a file of this name; defaults are found from the folder in
// it.
bool compose_text(std::string_view yaml, const std::string& path, Node& root,
                  std::vector<Problem>& problems);

}  // namespace weft::config
