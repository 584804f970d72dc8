// SPDX-License-Identifier: Apache-2.0
#include "weft/core/atomic_file.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  i64 files() const { return std::distance(fs::directory_iterator(folder_), {}); }

  fs::path folder_ = fs::path(testing::TempDir()) / "weft_atomic_file";
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
  EXPECT_THROW(AtomicFile(path("no/folder/a")), UserError);
  EXPECT_THROW(AtomicFile(folder_.string()), UserError);
}

}  // namespace
}  // namespace weft
