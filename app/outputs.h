// SPDX-License-Identifier: Apache-2.0
// The files that a command writes, checked before it computes anything.
#pragma once
#include <string>
#include <vector>

namespace weft::app {

// Throws UserError, which begins with the command's name, for a file of a run, for one in a folder
// that does not exist, for one of `inputs`, and for two names of one file. Empty names are passed
// over. Links are followed.
void check_outputs(const std::string& command, const std::vector<std::string>& outputs,
                   const std::vector<std::string>& inputs);

}  // namespace weft::app
