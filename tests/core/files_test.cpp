// SPDX-License-Identifier: Apache-2.0
#include "weft/core/files.h"

#include <cerrno>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

class Files : public test_support::InScratchFolder {
 protected:
  Files() : InScratchFolder("files") {
    std::ofstream(folder_ / "file") << "text";
    fs::create_directory(folder_ / "folder");
    fs::create_symlink("file", folder_ / "link");
    fs::create_symlink("nothing", folder_ / "broken");
    mkfifo((folder_ / "pipe").c_str(), 0600);
  }
};

TEST_F(Files, AreToldApart) {
  EXPECT_EQ(kind_of(folder_ / "file"), PathKind::file);
  EXPECT_EQ(kind_of(folder_ / "folder"), PathKind::folder);
  EXPECT_EQ(kind_of(folder_ / "link"), PathKind::link);
  EXPECT_EQ(kind_behind(folder_ / "link"), PathKind::file);
  EXPECT_EQ(kind_behind(folder_ / "broken"), PathKind::none);
  EXPECT_EQ(kind_of(folder_ / "pipe"), PathKind::other);
  EXPECT_EQ(kind_of(folder_ / "nothing"), PathKind::none);
  EXPECT_EQ(kind_of(folder_ / "file/below"), PathKind::none);
}

TEST_F(Files, ThatCannotBeExaminedAreAnError) {
  try {
    kind_of(folder_ / std::string(300, 'x'));
    FAIL();
  } catch (const IoError& error) {
    EXPECT_EQ(error.code(), ENAMETOOLONG);
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_NE(std::string(error.what()).find("it cannot be examined (File name too long)"),
              std::string::npos);
  }
  EXPECT_EQ(IoError("x", "read", EIO).exit_code(), 1);
  EXPECT_EQ(IoError("x", "read", ESTALE).exit_code(), 1);
  EXPECT_THROW(names_in(folder_ / "file"), IoError);
}

TEST_F(Files, OfAFolder) {
  EXPECT_EQ(names_in(folder_),
            (std::vector<std::string>{"broken", "file", "folder", "link", "pipe"}));
  EXPECT_TRUE(names_in(folder_ / "nothing").empty());
}

TEST_F(Files, AreReadWithoutFollowingALinkOrWaitingForAPipe) {
  EXPECT_EQ(read_file(folder_ / "file", 4), "text");
  for (const char* name : {"link", "pipe", "folder", "nothing"})
    EXPECT_THROW(read_file(folder_ / name, 100), UserError) << name;
  EXPECT_THROW(read_file(folder_ / "file", 3), UserError);
}

TEST_F(Files, OfStdFilesystemThatThrowBecomeASentence) {
  try {
    static_cast<void>(fs::file_size(folder_ / "nothing"));
    FAIL();
  } catch (const fs::filesystem_error& error) {
    EXPECT_EQ(std::string(io_error_of(error).what()),
              (folder_ / "nothing").string() +
                  ": it cannot be used (No such file or directory); access to it is required");
  }
}

}  // namespace
}  // namespace weft
