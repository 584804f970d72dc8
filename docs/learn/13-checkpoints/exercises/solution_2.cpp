// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>

// rename() replaces the old file in one step of the file system. A real checkpoint also waits until
// the disk has the bytes (fsync), because a power failure may come after the rename.
void write_safely(const std::filesystem::path& path,
                  const std::function<void(std::ostream&)>& write) {
  const std::filesystem::path temporary = path.string() + ".writing";
  try {
    std::ofstream file(temporary);
    write(file);
    if (!file.flush()) throw std::runtime_error(temporary.string() + " could not be written");
  } catch (...) {
    std::filesystem::remove(temporary);
    throw;
  }
  std::filesystem::rename(temporary, path);
}
