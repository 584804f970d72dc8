// SPDX-License-Identifier: Apache-2.0
// Options of the command line over a config's tree:
//   train.epochs=5       sets a value; `callbacks[0].patience=5` inside a list
//   optimizer=sgd        a whole section (its keys in the file go with it)
//   optimizer.type=sgd   only this key: those of the file stay, and must fit
//   +callbacks={type: early_stopping}   appends to a list, or adds a key that must not be there yet
//   ~scheduler           removes a key, so that its default holds
// The value is YAML as it would stand in the file after the colon.
#pragma once
#include <string>
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

// The source of values from overrides.
inline constexpr const char* kCommandLine = "command line";

// Applies one option. Whether its key exists is found out by the reader. Appends a problem for what
// is no key=value or no YAML, an index that the list does not have, a + on what is there, a ~ on
// what is not.
void apply_override(Node& root, const std::string& option, std::vector<Problem>& problems);

}  // namespace weft::config
