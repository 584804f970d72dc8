// SPDX-License-Identifier: Apache-2.0
// Files of datasets: where they are looked for, and how they are read and unpacked. Every defect is
// named. Memory beside what a caller asks for is a small buffer, whatever the file holds.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weft/core/regular_file.h"
#include "weft/core/types.h"

namespace weft::data {

// Where the files of a dataset are looked for, and what a user without them is told.
struct FileSearch {
  std::string dataset;         // "mnist", for messages
  std::filesystem::path root;  // the only folder that is looked in
  std::string folder;          // if root is empty: $WEFT_DATA_DIR/<folder>, then data/<folder>
  std::string how_to_get;      // "tools/get_data mnist fetches it"
};

// The first folder of the search that has a file of one of these names; empty if none has. Throws
// UserError if a place of the search is no folder, and IoError if a place cannot be examined (no
// permission, an I/O error): the next place may have other data.
std::filesystem::path find_folder(const FileSearch& search, std::span<const std::string> names);

// The first of `names` in that folder. Throws UserError that names all places if there is none, and
// otherwise as find_folder().
std::filesystem::path find_file(const FileSearch& search, std::span<const std::string> names);

// The bytes of a file. A gzip file, which its first bytes show, is unpacked while it is read; it
// may consist of several members, as `cat a.gz b.gz` makes them. Errors are UserErrors that name
// the path, the defect, and `how_to_get`. A file that the system does not let weft read may be
// whole: the error is an IoError then, without `how_to_get`.
class InputFile {
 public:
  // Throws unless the file is a regular one that is not empty.
  InputFile(std::filesystem::path path, std::string how_to_get);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  bool packed() const { return inflate_ != nullptr; }
  // An upper bound of the bytes that follow; exact for a plain file. A count from a header is
  // compared with it before memory is allocated for it.
  i64 most_bytes_left() const;
  // Throws unless that many bytes may be read. Of a packed file these are at most 64 times its
  // size, or 2^26: a small file cannot ask for any amount of memory and time.
  void check_promised(i64 bytes) const;
  // Fills `out`. `what` ("the header", "60000 images") is part of the message when the file is too
  // short.
  void read(std::span<u8> out, const std::string& what);
  // Throws unless the whole file was read. Checks a gzip file's checksum.
  void expect_end();
  // Throws a UserError: the path, `defect`, and how to get the file.
  [[noreturn]] void fail_with(const std::string& defect) const;

 private:
  struct Inflate;
  i64 read_some(std::span<u8> out);
  i64 inflate_some(std::span<u8> out);
  void read_bytes(void* into, i64 bytes);

  std::filesystem::path path_;
  std::string how_to_get_;
  RegularFile file_;
  i64 position_ = 0;  // in the file, of the next byte that is not in a buffer
  std::unique_ptr<Inflate> inflate_;
};

}  // namespace weft::data
