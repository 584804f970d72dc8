// SPDX-License-Identifier: Apache-2.0
#include "weft/view/training_process.h"

#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/stat.h>

#include "weft/train/run/system_figures.h"

namespace weft::view {
namespace {

namespace fs = std::filesystem;

// The numbers of devices in /proc/locks differ from those of stat() on some file systems, so a
// process counts only if one of its descriptors is the file. Only its own user may look at these.
bool process_has_open(i64 pid, const struct stat& wanted) {
  std::error_code error;
  fs::directory_iterator it(fs::path("/proc") / std::to_string(pid) / "fd", error);
  while (!error && it != fs::directory_iterator()) {
    struct stat found {};
    if (stat(it->path().c_str(), &found) == 0 && found.st_ino == wanted.st_ino &&
        found.st_dev == wanted.st_dev)
      return true;
    it.increment(error);
  }
  return false;
}

}  // namespace

std::optional<TrainingProcess> training_process(const fs::path& run) {
  struct stat lock {};
  if (lstat((run / ".lock").c_str(), &lock) != 0 || !S_ISREG(lock.st_mode)) return std::nullopt;
  std::ifstream locks("/proc/locks");
  // "1: FLOCK  ADVISORY  WRITE 4711 fd:01:131090 0 EOF"; a process that waits has "->" before
  // FLOCK.
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string index, kind, mode, access, file;
    i64 pid = 0;
    if (!(words >> index >> kind >> mode >> access >> pid >> file)) continue;
    if (kind != "FLOCK" || pid <= 0) continue;
    if (file.substr(file.rfind(':') + 1) != std::to_string(lock.st_ino)) continue;
    if (process_has_open(pid, lock)) return TrainingProcess{pid, train::resident_bytes(pid)};
  }
  return std::nullopt;
}

}  // namespace weft::view
