// SPDX-License-Identifier: Apache-2.0
// AtomicFile writes a file that appears under its name only when it is complete and on the disk.
// The file is written under a temporary name in the same folder, fsynced and renamed, and the
// folder is fsynced. If anything fails before the rename, an older file of that name stays
// unchanged.
//
// Note [Outputs that a user names]
// A user may name a device, a pipe or a link (--logits /dev/null, /dev/stdout). A rename would
// replace it by a file. Such an output is written to in place, and behind a link the file that it
// leads to is replaced. The files of a run folder are different: a link there may come from a
// received folder. It is never followed, and the rename replaces it.
#pragma once
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

class Sha256;

// Who named an output: Note [Outputs that a user names].
enum class NamedBy { program, user };

class AtomicFile {
 public:
  // Throws UserError if `path` is a folder, and IoError if the file cannot be made: the folder does
  // not exist or may not be written, or the disk is full.
  // A pipe waits a few seconds for its reader; one that nobody reads is a UserError.
  // The written bytes are also added to `hash`.
  explicit AtomicFile(std::string path, Sha256* hash = nullptr,
                      NamedBy named_by = NamedBy::program);
  ~AtomicFile();  // without commit(), removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Both throw InternalError with the system's reason (disk full, I/O error, …).
  void write(const void* data, i64 bytes);
  void write(std::string_view text) { write(text.data(), static_cast<i64>(text.size())); }
  void commit();

 private:
  [[noreturn]] void fail_with(const char* action) const;

  // `temporary_` is renamed to `target_`. It is empty for an output that is written in place.
  std::string path_, target_, temporary_;
  Sha256* hash_;
  int file_ = -1;
};

// Writes a whole small file at once.
void write_file_atomically(const std::string& path, std::string_view text);

// Waits until the content of a file, or the list of names in a folder, is on the disk. Throws
// InternalError with the system's reason.
void sync_to_disk(const std::string& path);

}  // namespace weft
