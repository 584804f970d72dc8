// SPDX-License-Identifier: Apache-2.0
// A regular file that is open for reading. A read from a pipe or a device may never end, and a
// folder has no bytes, so they are defects like a missing file.
#pragma once
#include <string>

#include "weft/core/types.h"

namespace weft {

class RegularFile {
 public:
  // Never throws and never waits. `defect()` tells whether the file can be read.
  explicit RegularFile(const std::string& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  // Completes "PATH …": "does not exist", "is a folder, not a regular file", "cannot be opened
  // (Permission denied)". Empty for a file that is open.
  const std::string& defect() const { return defect_; }
  i64 bytes() const { return bytes_; }  // when it was opened

  // Fills `into` with `bytes` bytes from position `at`. Returns the defect, which is empty if all
  // bytes were read: "cannot be read at byte 7 (Input/output error)", "ends at byte 7 of 9".
  std::string read(void* into, i64 bytes, i64 at) const;

 private:
  int file_ = -1;
  i64 bytes_ = 0;
  std::string defect_;
};

}  // namespace weft
