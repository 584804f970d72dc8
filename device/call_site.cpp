// SPDX-License-Identifier: Apache-2.0
#include "weft/device/call_site.h"

#include <cstring>
#include <string_view>

namespace weft {

bool operator==(const CallSite& a, const CallSite& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

std::string text_of(const CallSite& site) {
  std::string_view file = site.file;
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos)
    file.remove_prefix(slash + 1);
  return std::string(file) + ":" + std::to_string(site.line);
}

}  // namespace weft
