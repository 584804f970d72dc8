// SPDX-License-Identifier: Apache-2.0
// A regular file that is open for reading. A read from a pipe or a device may never end, and a
// folder has no bytes, so they are defects like a missing file.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

// Why a file cannot be read; empty if it can.
struct FileDefect {
  std::string text;  // completes "PATH …"
  // errno, if the system refused or failed (no permission, an I/O error): the file may be whole.
  // 0 if the path leads to nothing that could be read, and for a file that ends too early.
  int code = 0;

  bool empty() const { return text.empty(); }
  // Returns if there is no defect. Throws "SUBJECT TEXT; REQUIRED", a UserError, for a path that
  // leads to no such file. Throws IoError, which does not ask for another file, if `code` is set.
  void check(std::string_view subject, std::string_view required) const;
};
inline bool operator==(const FileDefect& a, std::string_view text) { return a.text == text; }

class RegularFile {
 public:
  // Never throws and never waits. `defect()` tells whether the file can be read.
  explicit RegularFile(const std::string& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  // "does not exist", "is a folder, not a regular file", "cannot be opened (Permission denied)".
  // Empty for a file that is open.
  const FileDefect& defect() const { return defect_; }
  i64 bytes() const { return bytes_; }  // when it was opened

  // Fills `into` with `bytes` bytes from position `at`. Returns the defect, which is empty if all
  // bytes were read: "cannot be read at byte 7 (Input/output error)", "ends at byte 7 of 9".
  FileDefect read(void* into, i64 bytes, i64 at) const;

 private:
  int file_ = -1;
  i64 bytes_ = 0;
  FileDefect defect_;
};

}  // namespace weft
