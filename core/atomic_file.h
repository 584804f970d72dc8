// SPDX-License-Identifier: Apache-2.0
// A file that appears under its name only when it is complete and on the disk: it is written under
// a temporary name beside it, fsynced, renamed, and the folder is fsynced. Whatever happens before,
// what was there under the name stays.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

class Sha256;

class AtomicFile {
 public:
  // Throws UserError if the folder does not exist or may not be written, or `path` is a folder.
  // What is written is added to `hash` too.
  explicit AtomicFile(std::string path, Sha256* hash = nullptr);
  ~AtomicFile();  // without commit(): the temporary file goes
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Both throw InternalError with the system's reason (disk full, I/O error, …).
  void write(const void* data, i64 bytes);
  void write(std::string_view text) { write(text.data(), static_cast<i64>(text.size())); }
  void commit();

 private:
  [[noreturn]] void fail_with(const char* action) const;

  std::string path_, temporary_;
  Sha256* hash_;
  int file_ = -1;
};

// The whole of a small file at once.
void write_file_atomically(const std::string& path, std::string_view text);

// Waits until what was written to a file, or the names in a folder, are on the disk. Throws
// InternalError with the system's reason.
void sync_to_disk(const std::string& path);

}  // namespace weft
