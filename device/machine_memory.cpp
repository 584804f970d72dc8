// SPDX-License-Identifier: Apache-2.0
// Sources: sysinfo(2), cgroups(7), and the kernel's Documentation/admin-guide/cgroup-v2.rst.
#include "weft/device/machine_memory.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace weft {
namespace {

constexpr i64 kUnknown = std::numeric_limits<i64>::max();

// The number in a file. It is kUnknown for "max", which is no limit, and without the file.
i64 number_in(const std::filesystem::path& path) {
  i64 number = 0;
  return std::ifstream(path) >> number ? number : kUnknown;
}

// The lowest limit of `group` and the groups that it lies in, whose files are below `root`.
i64 lowest_limit(const std::filesystem::path& root, std::filesystem::path group, const char* file) {
  i64 lowest = kUnknown;
  for (group = group.relative_path();; group = group.parent_path()) {
    lowest = std::min(lowest, number_in(root / group / file));
    if (group.empty()) return lowest;
  }
}

// A line of /proc/self/cgroup is number:controllers:path. Version 2 has no controllers.
i64 control_group_limit() {
  i64 lowest = kUnknown;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty())
      lowest = std::min(lowest, lowest_limit("/sys/fs/cgroup", path, "memory.max"));
    else if (controllers == "memory")
      lowest =
          std::min(lowest, lowest_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
  }
  return lowest;
}

}  // namespace

i64 machine_memory() {
  struct sysinfo machine {};
  if (sysinfo(&machine) != 0) return control_group_limit();
  const auto pages = static_cast<i64>(machine.totalram) + static_cast<i64>(machine.totalswap);
  return std::min(pages * static_cast<i64>(machine.mem_unit), control_group_limit());
}

}  // namespace weft
