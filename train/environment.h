// SPDX-License-Identifier: Apache-2.0
// What a run ran on: for environment.json and `weft --version`.
#pragma once
#include <string>

namespace weft::train {

// weft's version, compiler, vector set, libraries, threads, processor, as JSON.
std::string environment_json();
// The same in a few lines.
std::string version_text();

}  // namespace weft::train
