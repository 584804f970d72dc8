// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>

#include <sys/fsuid.h>
#include <unistd.h>

namespace weft::test_support {

// The thread, and those that it starts, open files as a user without any rights while this lives.
// Root may open all files, whatever their permissions. Another user already may not.
class AsNobody {
 public:
  // `reachable`: a folder that this user may enter.
  explicit AsNobody(const std::filesystem::path& reachable) {
    std::filesystem::permissions(reachable, std::filesystem::perms(0755));
    if (geteuid() == 0) before_ = setfsuid(kNobody);
  }
  ~AsNobody() {
    if (before_ >= 0) setfsuid(static_cast<uid_t>(before_));
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  int before_ = -1;
};

}  // namespace weft::test_support
