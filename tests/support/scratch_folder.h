// SPDX-License-Identifier: Apache-2.0
// A folder for the length of a test.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>

namespace weft::test_support {

namespace fs = std::filesystem;

// Empty at first; gone with this object. In memory where there is such a place: some tests sync
// hundreds of files to the disk.
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
    std::error_code ignored;  // a child that is still writing
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
