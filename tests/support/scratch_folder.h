// SPDX-License-Identifier: Apache-2.0
// A folder that exists for the duration of a test.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>

namespace weft::test_support {

namespace fs = std::filesystem;

// The folder is empty at first and is removed by the destructor. It is in memory if the machine has
// such a place, because some tests sync hundreds of files to the disk.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name) {
    const fs::path memory = "/dev/shm";
    const fs::path root = access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
    std::string path = (root / ("weft-" + name + "-XXXXXX")).string();
    if (mkdtemp(path.data()) == nullptr)
      throw std::system_error(errno, std::generic_category(), path);
    path_ = path;
  }
  ~ScratchFolder() {
    std::error_code ignored;  // a child process may still be writing
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// A test with such a folder.
class InScratchFolder : public ::testing::Test {
 protected:
  explicit InScratchFolder(const std::string& name) : scratch_(name) {}
  fs::path dir(const std::string& name = "run") const { return folder_ / name; }

 private:
  const ScratchFolder scratch_;

 protected:
  const fs::path& folder_ = scratch_.path();
};

}  // namespace weft::test_support
