// SPDX-License-Identifier: Apache-2.0
#include "weft/core/home.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Home, TildeIsTheHomeFolderAtTheBeginningOnly) {
  const char* before = std::getenv("HOME");
  const std::string saved = before == nullptr ? "" : before;
  setenv("HOME", "/home/of mine", 1);
  EXPECT_EQ(expand_home("~"), "/home/of mine");
  EXPECT_EQ(expand_home("~/runs/a"), "/home/of mine/runs/a");
  for (const char* path : {"", "a/~", "./~/a", "/~", "a~"}) EXPECT_EQ(expand_home(path), path);
  unsetenv("HOME");
  if (const passwd* user = getpwuid(getuid())) {
    const std::string folder = user->pw_dir, name = user->pw_name;
    EXPECT_EQ(expand_home("~/a"), folder + "/a");
    EXPECT_EQ(expand_home("~" + name + "/a"), folder + "/a");
  }
  EXPECT_EQ(expand_home("~no-such-user/a"), std::nullopt);
  if (before != nullptr) setenv("HOME", saved.c_str(), 1);
}

}  // namespace
}  // namespace weft
