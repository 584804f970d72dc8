// SPDX-License-Identifier: Apache-2.0
// Options of the command line change a config's tree:
//   train.epochs=5       sets a value; `callbacks[0].patience=5` inside a list
//   optimizer=sgd        replaces a whole section, with its keys in the file
//   optimizer.type=sgd   replaces only this key; the others in the file stay and must fit it
//   +callbacks={type: early_stopping}   appends to a list, or adds a key that must not be there yet
//   ~scheduler           removes a key, so that its default applies
// The value is YAML, written as after the colon in a file.
#pragma once
#include <string>
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

// The source of values that come from overrides.
inline constexpr const char* kCommandLine = "command line";

constexpr std::size_t kMaxOverrides = 1000;

// Applies one option. The reader reports a key that does not exist. Appends a problem if the option
// is not key=value or not YAML, if the list does not have the index, if + is given for an existing
// key, or ~ for a missing one.
void apply_override(Node& root, const std::string& option, std::vector<Problem>& problems,
                    Usage& used);

}  // namespace weft::config
