// SPDX-License-Identifier: Apache-2.0
// What lies at a path, the names in a folder, and the bytes of a small file. A path that does not
// exist is an answer. A path that cannot be examined (no permission, an I/O error) is an IoError:
// the file may be whole, so nothing may be concluded about it.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/types.h"

namespace weft {

// The system refused to examine, read or write a path. The exit code is 2 if another path or other
// permissions are required, and 1 for a fault of the machine, such as a full disk.
class IoError : public Error {
 public:
  // `action` is what cannot be done to the path: "read", "written".
  IoError(const std::string& path, const char* action, int code);
  IoError(const std::string& message, int code) : Error(message), code_(code) {}

  int code() const { return code_; }  // errno
  int exit_code() const noexcept override;

 private:
  int code_;
};

// For a call of std::filesystem that has thrown.
IoError io_error_of(const std::filesystem::filesystem_error& error);

enum class PathKind { none, file, folder, link, other };
// Does not follow a link at the end of the path. Throws IoError.
PathKind kind_of(const std::filesystem::path& path);
// Follows links, so the result is never `link`. A link that leads nowhere is `none`.
PathKind kind_behind(const std::filesystem::path& path);

// Makes a folder and those that it lies in. Throws IoError, which begins with `subject`.
void make_folders(std::string_view subject, const std::filesystem::path& path);

// A folder as it was when the object was made. Writing into a path that now leads elsewhere,
// because the folder was moved, removed or replaced, would split what belongs together.
class SameFolder {
 public:
  SameFolder() = default;                                  // any folder
  explicit SameFolder(const std::filesystem::path& path);  // throws IoError
  // Throws IoError, naming the path, if it does not lead to the folder any more.
  void check() const;

 private:
  std::filesystem::path path_;
  u64 device_ = 0, file_ = 0;
};

// The names in a folder, sorted; none if the folder does not exist. Throws IoError.
std::vector<std::string> names_in(const std::filesystem::path& folder);

// Writes `text` to a file of `size` bytes that was opened with O_APPEND. Returns 0, or errno if
// that fails; the file is then cut back, so that no part of the text is left.
int append_or_cut(int file, std::string_view text, i64 size);

// The bytes of a file. Throws UserError if there is no such file, if it is a link, a folder or a
// device, or if it has more than `most_bytes` bytes. Throws IoError if it cannot be read.
std::string read_file(const std::filesystem::path& path, i64 most_bytes);

}  // namespace weft
