// SPDX-License-Identifier: Apache-2.0
// The environment of a run, for environment.json and `weft --version`.
#pragma once
#include <map>
#include <string>

namespace weft::train {

// The values besides the config on which the bits of a result depend: weft's version, compiler,
// vector set, libraries, threads, processor.
std::map<std::string, std::string> environment();
// weft's version, compiler, vector set, libraries, threads, processor, as JSON.
std::string environment_json();
// The same in a few lines.
std::string version_text();

}  // namespace weft::train
