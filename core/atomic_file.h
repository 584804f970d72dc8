// SPDX-License-Identifier: Apache-2.0
// AtomicFile writes a file that appears under its name only when it is complete and on the disk.
// The file is written under a temporary name in the same folder, fsynced and renamed, and the
// folder is fsynced. If anything fails before the rename, an older file of that name stays
// unchanged. A device or a pipe of that name is not replaced: the bytes are written to it.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

class Sha256;

class AtomicFile {
 public:
  // Throws UserError if the folder does not exist or may not be written, or `path` is a folder.
  // A pipe waits for its reader.
  // The written bytes are also added to `hash`.
  explicit AtomicFile(std::string path, Sha256* hash = nullptr);
  ~AtomicFile();  // without commit(), removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Both throw InternalError with the system's reason (disk full, I/O error, …).
  void write(const void* data, i64 bytes);
  void write(std::string_view text) { write(text.data(), static_cast<i64>(text.size())); }
  void commit();

 private:
  [[noreturn]] void fail_with(const char* action) const;

  std::string path_, temporary_;  // temporary_ is empty if there is nothing to rename
  Sha256* hash_;
  int file_ = -1;
};

// Writes a whole small file at once.
void write_file_atomically(const std::string& path, std::string_view text);

// Waits until the content of a file, or the list of names in a folder, is on the disk. Throws
// InternalError with the system's reason.
void sync_to_disk(const std::string& path);

}  // namespace weft
