// SPDX-License-Identifier: Apache-2.0
#include "weft/core/home.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace weft {
namespace {

// Returns the home folder of a user, or of this process' user for "".
std::optional<std::string> home_of(const std::string& user) {
  const char* home = std::getenv("HOME");
  if (user.empty() && home != nullptr && *home != '\0') return home;
  std::vector<char> buffer(1 << 14);
  passwd entry{};
  passwd* found = nullptr;
  if (user.empty()) getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  else getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr || found->pw_dir == nullptr) return std::nullopt;
  return found->pw_dir;
}

}  // namespace

std::optional<std::string> expand_home(std::string_view path) {
  if (!path.starts_with('~')) return std::string(path);
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::optional<std::string> home = home_of(std::string(path.substr(1, end - 1)));
  if (!home) return std::nullopt;
  return *home + std::string(path.substr(end));
}

}  // namespace weft
