// SPDX-License-Identifier: Apache-2.0
// The subcommands of `weft`, one file each; app/main.cpp collects them.
#pragma once
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "weft/core/error.h"

namespace weft::app {

inline constexpr int kDone = 0, kLostOutput = 1, kUserMistake = 2;

// Each function adds its subcommand to the parser. The callback runs it and stores the exit code.
void add_train(CLI::App& app, int& exit_code);
void add_evaluate(CLI::App& app, int& exit_code);
void add_predict(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);

}  // namespace weft::app
