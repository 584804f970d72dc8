// SPDX-License-Identifier: Apache-2.0
// Files of datasets: where they are looked for, and reading them whole and unpacked. Every defect
// is named.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weft/core/types.h"

namespace weft::data {

// Where a dataset's files may be, and what a user without them is told.
struct FileSearch {
  std::string dataset;         // "mnist", for messages
  std::filesystem::path root;  // looked in first; may be empty
  std::string folder;          // then $WEFT_DATA_DIR/<folder>
  std::string how_to_get;      // "tools/get_data mnist fetches it"
};

// The first of `names` found in the first folder that has one of them. Throws UserError naming all
// places.
std::filesystem::path find_file(const FileSearch& search, std::span<const std::string> names);

// The bytes of a file. A gzip file, which its first bytes show, is unpacked while it is read.
// Errors are UserErrors that name the path, the defect, and `how_to_get`.
class InputFile {
 public:
  InputFile(std::filesystem::path path, std::string how_to_get);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // An upper bound of the bytes that follow; exact for a plain file. It checks a count from a
  // header before memory is allocated for it.
  i64 most_bytes_left() const;
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

  std::filesystem::path path_;
  std::string how_to_get_;
  std::vector<u8> bytes_;
  std::size_t position_ = 0;  // in bytes_
  std::unique_ptr<Inflate> inflate_;
};

}  // namespace weft::data
