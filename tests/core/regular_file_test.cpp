// SPDX-License-Identifier: Apache-2.0
#include "weft/core/regular_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

TEST(RegularFile, ReadsAnyPart) {
  const test_support::ScratchFolder folder("regular-file");
  const std::string path = folder.path() / "a";
  std::ofstream(path) << "0123456789";
  const RegularFile file(path);
  EXPECT_EQ(file.defect(), "");
  EXPECT_EQ(file.bytes(), 10);
  std::string part(4, '\0');
  EXPECT_EQ(file.read(part.data(), 4, 5), "");
  EXPECT_EQ(part, "5678");
  EXPECT_EQ(file.read(part.data(), 0, 10), "");
  EXPECT_EQ(file.read(part.data(), 4, 7), "ends at byte 10 of 11");
  std::ofstream(path) << "01";
  EXPECT_EQ(file.read(part.data(), 4, 1), "ends at byte 2 of 10");
}

TEST(RegularFile, RefusesWhatMayNeverEnd) {
  const test_support::ScratchFolder folder("regular-file");
  const std::string pipe = folder.path() / "pipe", loop = folder.path() / "loop";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink(loop, loop);
  EXPECT_EQ(RegularFile(pipe).defect(), "is a pipe, not a regular file");
  EXPECT_EQ(RegularFile("/dev/zero").defect(), "is a device, not a regular file");
  EXPECT_EQ(RegularFile(folder.path()).defect(), "is a folder, not a regular file");
  EXPECT_EQ(RegularFile(folder.path() / "nothing").defect(), "does not exist");
  EXPECT_EQ(RegularFile(loop).defect(), "cannot be opened (Too many levels of symbolic links)");
}

}  // namespace
}  // namespace weft
