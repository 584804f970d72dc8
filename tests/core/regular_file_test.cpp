// SPDX-License-Identifier: Apache-2.0
#include "weft/core/regular_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/core/files.h"
#include "weft/tests/support/as_nobody.h"
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
  for (const std::string& path : {pipe, loop, folder.path().string()})
    EXPECT_THROW(RegularFile(path).defect().check("it", "a file is required"), UserError) << path;
}

// A file that the system does not let weft read may be whole, so another one is not asked for.
TEST(RegularFile, ThatCannotBeReadIsNoWrongFile) {
  const RegularFile memory("/proc/self/mem");  // nothing lies at address 0
  ASSERT_EQ(memory.defect(), "");
  char byte = 0;
  const FileDefect defect = memory.read(&byte, 1, 0);
  EXPECT_EQ(defect, "cannot be read at byte 0 (Input/output error)");
  EXPECT_EQ(defect.code, EIO);
  try {
    defect.check("csv: a.csv", "a table is required");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_EQ(std::string(error.what()),
              "csv: a.csv cannot be read at byte 0 (Input/output error); access to it is required");
    EXPECT_EQ(error.exit_code(), 1);
  }
  const test_support::ScratchFolder folder("regular-file");
  const std::string path = folder.path() / "a";
  std::ofstream(path) << "0123456789";
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const test_support::AsNobody nobody(folder.path());
  EXPECT_EQ(RegularFile(path).defect(), "cannot be opened (Permission denied)");
  EXPECT_EQ(RegularFile(path).defect().code, EACCES);
}

}  // namespace
}  // namespace weft
