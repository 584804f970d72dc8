// SPDX-License-Identifier: Apache-2.0
// Support for tests that run the `weft` command.
#pragma once
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include <sys/wait.h>

namespace weft::testing_app {

struct Result {
  int code;
  std::string output;  // stdout and stderr
};

// Runs `weft ARGUMENTS` in the folder with the shell.
inline Result run_command(const std::filesystem::path& folder, const std::string& arguments) {
  const std::string line =
      "cd '" + folder.string() + "' && '" WEFT_COMMAND "' " + arguments + " 2>&1";
  FILE* pipe = popen(line.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer{};
  for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.append(buffer.data(), n);
  return {WEXITSTATUS(pclose(pipe)), output};
}

}  // namespace weft::testing_app
