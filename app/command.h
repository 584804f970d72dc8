// SPDX-License-Identifier: Apache-2.0
// The subcommands of `weft`, one file each; app/main.cpp collects them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "weft/core/error.h"
#include "weft/core/home.h"

namespace weft::app {

inline constexpr int kDone = 0, kLostOutput = 1, kUserMistake = 2, kTrainingFailed = 3;

// Replaces ~ in a path: a shell leaves it in --logits=~/x.
inline CLI::Validator home_path() {
  const auto expand = [](std::string& path) -> std::string {
    if (path.empty()) return "'' given; the path of a file or folder is required";
    const std::optional<std::string> expanded = expand_home(path);
    if (!expanded) return "'" + path + "': its home folder is not known";
    path = *expanded;
    return "";
  };
  return {expand, ""};
}

// Adds --checkpoint and --weights, the options that choose the weights of a run.
void add_weights_options(CLI::App& command, std::string& checkpoint, std::string& weights);

// Adds --plugin, whose files load_plugins() loads. A command loads them before it reads anything.
void add_plugin_option(CLI::App& command, std::vector<std::string>& plugins);
void load_plugins(const std::vector<std::string>& plugins);
// Makes a plugin that throws or calls exit() while it is loaded one sentence and kUserMistake. Is
// called once, before any plugin is loaded.
void guard_plugins();

// Each function adds its subcommand to the parser. The callback runs it and stores the exit code.
void add_train(CLI::App& app, int& exit_code);
void add_tune(CLI::App& app, int& exit_code);
void add_evaluate(CLI::App& app, int& exit_code);
void add_predict(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_lr_find(CLI::App& app, int& exit_code);
void add_top(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);

}  // namespace weft::app
