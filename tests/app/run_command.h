// SPDX-License-Identifier: Apache-2.0
// Support for tests that run the `weft` command. It runs in a shell, as a user's would, and
// inherits nothing from the user who runs the tests.
#pragma once
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weft/tests/support/plain_environment.h"

namespace weft::testing_app {

struct Result {
  int code;
  std::string output;  // stdout and stderr
};

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Tests that were carried to another machine (./run gpu-check --from) find the command and the tree
// by these variables.
inline const char* set_or(const char* variable, const char* built_in) {
  const char* set = std::getenv(variable);
  return set != nullptr ? set : built_in;
}

// Starts the line of a shell in the folder. $WEFT is the command and $WEFT_ROOT the source tree;
// after `exec` the process is the command itself.
inline pid_t start_line(const std::filesystem::path& folder, const std::string& line) {
  const pid_t child = fork();
  if (child != 0) return child;
  test_support::inherit_nothing();
  setenv("WEFT", set_or("WEFT_TESTED_COMMAND", WEFT_COMMAND), 1);
  setenv("WEFT_ROOT", set_or("WEFT_TESTED_ROOT", WEFT_SOURCE_ROOT), 1);
  if (chdir(folder.c_str()) != 0) _exit(99);
  execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
  _exit(99);
}

// The exit code, or minus the signal that ended it.
inline int end_of(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

inline int run_line(const std::filesystem::path& folder, const std::string& line) {
  return end_of(start_line(folder, line));
}

// `weft ARGUMENTS` in the folder.
inline Result run_command(const std::filesystem::path& folder, const std::string& arguments) {
  const int code = run_line(folder, "exec \"$WEFT\" " + arguments + " >.output 2>&1");
  const std::string output = file_text(folder / ".output");
  std::filesystem::remove(folder / ".output");
  return {code, output};
}

// Waits until a run has come somewhere, for a minute at most.
inline bool wait_for(const std::function<bool()>& there) {
  for (int i = 0; i < 6000; ++i) {
    if (there()) return true;
    usleep(10'000);
  }
  return there();
}

}  // namespace weft::testing_app
