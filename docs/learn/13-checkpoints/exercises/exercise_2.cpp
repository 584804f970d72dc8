// SPDX-License-Identifier: Apache-2.0
// Writes a file so that the path always has a whole file, the old one or the new one. `write`
// writes the content and may throw in the middle; the exception goes on to the caller, the old file
// stays, and no other file is left.
#include <filesystem>
#include <fstream>
#include <functional>

void write_safely(const std::filesystem::path& path,
                  const std::function<void(std::ostream&)>& write) {
  // TODO: write to another name in the same folder, then std::filesystem::rename() it.
  std::ofstream file(path);
  write(file);
}
