// SPDX-License-Identifier: Apache-2.0
#include "weft/app/outputs.h"

#include <filesystem>
#include <system_error>

#include "weft/core/error.h"
#include "weft/train/run/run_folder.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

// Also for names of files that are not there yet, and for other spellings of one name.
bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  const fs::path real_a = fs::weakly_canonical(fs::absolute(a), error);
  if (error) return false;
  const fs::path real_b = fs::weakly_canonical(fs::absolute(b), error);
  return !error && real_a == real_b;
}

}  // namespace

void check_outputs(const std::string& command, const std::vector<std::string>& outputs,
                   const std::vector<std::string>& inputs) {
  std::vector<std::string> checked;
  for (const std::string& file : outputs) {
    if (file.empty()) continue;
    train::check_output(file);
    const fs::path folder = fs::path(file).parent_path();
    WEFT_CHECK(folder.empty() || fs::is_directory(folder),
               "{}: '{}' given, but there is no folder {}; a file in a folder that exists is "
               "required",
               command, file, folder.string());
    for (const std::string& input : inputs)
      WEFT_CHECK(!is_same_file(file, input),
                 "{}: '{}' given, which is the file {} that is read; another name is required",
                 command, file, input);
    for (const std::string& other : checked)
      WEFT_CHECK(!is_same_file(file, other),
                 "{}: '{}' and '{}' given, which are one file; two files are required", command,
                 other, file);
    checked.push_back(file);
  }
}

}  // namespace weft::app
