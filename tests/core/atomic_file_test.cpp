// SPDX-License-Identifier: Apache-2.0
#include "weft/core/atomic_file.h"
#include "weft/core/files.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public test_support::InScratchFolder {
 protected:
  AtomicFileTest() : InScratchFolder("atomic_file") {}

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  i64 files() const { return std::distance(fs::directory_iterator(folder_), {}); }

  void write_for_user(const std::string& name, const std::string& text) const {
    AtomicFile file(path(name), nullptr, NamedBy::user);
    file.write(text);
    file.commit();
  }
};

TEST_F(AtomicFileTest, AppearsOnlyWhenComplete) {
  write_file_atomically(path("a"), "old");
  {
    AtomicFile file(path("a"));
    file.write("new");
    EXPECT_EQ(content(path("a")), "old");
    file.commit();
    EXPECT_EQ(content(path("a")), "new");
  }
  EXPECT_EQ(content(path("a")), "new");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, WithoutCommitNothingChangesAndNothingIsLeft) {
  write_file_atomically(path("a"), "old");
  { AtomicFile(path("a")).write("new"); }
  EXPECT_EQ(content(path("a")), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, TwoWritersOfOneNameDoNotMix) {
  AtomicFile one(path("a")), two(path("a"));
  one.write("11111");
  two.write("2");
  two.commit();
  one.commit();
  EXPECT_EQ(content(path("a")), "11111");
}

TEST_F(AtomicFileTest, AFailedWriteIsTheMachinesFaultAndKeepsTheOldFile) {
  write_file_atomically(path("a"), "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    write_file_atomically(path("a"), std::string(5000, 'x'));
  } catch (const InternalError& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "write: " + path("a") + ": write failed: File too large");
  EXPECT_EQ(content(path("a")), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, AWrongPathIsTheUsersMistake) {
  EXPECT_THROW(AtomicFile(path("no/folder/a")), IoError);
  EXPECT_THROW(AtomicFile(folder_.string()), UserError);
}

TEST_F(AtomicFileTest, APipeThatAUserNamesIsWrittenTo) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  write_for_user("pipe", "text");
  char read_back[16] = {};
  EXPECT_EQ(read(reader, read_back, sizeof read_back), 4);
  EXPECT_STREQ(read_back, "text");
  close(reader);
  EXPECT_TRUE(fs::is_fifo(path("pipe")));
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, ADeviceThatAUserNamesStaysOne) {
  // This link stands for the device itself, which a failure would destroy.
  fs::create_symlink("/dev/null", path("null"));
  write_for_user("null", "text");
  EXPECT_TRUE(fs::is_symlink(path("null")));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(files(), 1);

  fs::create_symlink("/dev/full", path("full"));
  EXPECT_THROW(write_for_user("full", "text"), InternalError);
}

TEST_F(AtomicFileTest, BehindALinkThatAUserNamesTheFileIsReplaced) {
  fs::create_directory(path("folder"));
  fs::create_symlink("folder/file", path("middle"));
  fs::create_symlink("middle", path("link"));
  write_for_user("link", "one");  // the link dangles
  EXPECT_EQ(content(path("folder/file")), "one");
  fs::create_hard_link(path("folder/file"), path("folder/old"));
  write_for_user("link", "two");
  EXPECT_EQ(content(path("folder/file")), "two");
  EXPECT_EQ(content(path("folder/old")), "one") << "the old file is replaced, not written into";
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_TRUE(fs::is_symlink(path("middle")));
  EXPECT_EQ(files(), 3);
}

TEST_F(AtomicFileTest, ALinkInARunFolderIsReplacedAndNeverFollowed) {
  write_file_atomically(path("outside"), "untouched");
  fs::create_symlink("outside", path("config.yaml"));
  write_file_atomically(path("config.yaml"), "new");
  EXPECT_FALSE(fs::is_symlink(path("config.yaml")));
  EXPECT_EQ(content(path("outside")), "untouched");

  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  write_file_atomically(path("pipe"), "new");  // opening it would wait for a reader
  EXPECT_TRUE(fs::is_regular_file(path("pipe")));
}

}  // namespace
}  // namespace weft
