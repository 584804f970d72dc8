// SPDX-License-Identifier: Apache-2.0
#include "weft/data/file.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>
#include <zlib.h>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/home.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace fs = std::filesystem;

namespace {

// Throws IoError if that cannot be known, as where permission is missing: the files may be whole,
// and those of another folder may be other data.
bool is_there(const fs::path& path) { return kind_behind(path) != PathKind::none; }

// Empty where the variable is not set.
std::string data_variable() {
  const char* variable = std::getenv("WEFT_DATA_DIR");
  if (variable == nullptr) return {};
  return expand_home(variable).value_or(variable);
}

std::vector<fs::path> folders_of(const FileSearch& search) {
  if (!search.root.empty()) return {search.root};
  std::vector<fs::path> folders;
  if (const std::string variable = data_variable(); !variable.empty())
    folders.push_back(fs::path(variable) / search.folder);
  folders.push_back(fs::path("data") / search.folder);
  return folders;
}

}  // namespace

fs::path find_folder(const FileSearch& search, std::span<const std::string> names) {
  for (const auto& folder : folders_of(search)) {
    const PathKind kind = kind_behind(folder);
    WEFT_CHECK(kind == PathKind::none || kind == PathKind::folder,
               "{}: {} is no folder; a folder with the files is required{}", search.dataset,
               folder.string(), search.root.empty() ? "" : " (data.root)");
    for (const auto& name : names)
      if (is_there(folder / name)) return folder;
  }
  return {};
}

fs::path find_file(const FileSearch& search, std::span<const std::string> names) {
  const fs::path folder = find_folder(search, names);
  for (const auto& name : names)
    if (!folder.empty() && is_there(folder / name)) return folder / name;
  std::vector<std::string> places;
  if (search.root.empty() && data_variable().empty())
    places.push_back(fmt::format("$WEFT_DATA_DIR/{} (WEFT_DATA_DIR is not set)", search.folder));
  for (const auto& place : folders_of(search)) places.push_back(place.string());
  fail("{}: there is no {} in {}; {}", search.dataset, fmt::join(names, " or "),
       fmt::join(places, " or "), search.how_to_get);
}

std::string place_of(const fs::path& path) {
  const fs::path place = fs::absolute(path).lexically_normal();
  return (place.has_filename() ? place : place.parent_path()).string();
}

struct InputFile::Inflate {
  z_stream stream{};
  bool between_members = false;   // the last member has ended
  std::array<u8, 1 << 16> input;  // stream.next_in points into it
  Inflate() {
    WEFT_ASSERT(inflateInit2(&stream, 15 + 16) == Z_OK, "zlib does not start");  // 16: gzip only
  }
  ~Inflate() { inflateEnd(&stream); }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
};

InputFile::InputFile(fs::path path, std::string how_to_get)
    : path_(std::move(path)), how_to_get_(std::move(how_to_get)), file_(path_.string()) {
  file_.defect().check(path_.string(), how_to_get_);
  if (file_.bytes() == 0) fail_with("is empty");
  std::array<u8, 2> magic{};
  if (file_.bytes() >= 2) read_bytes(magic.data(), 2);
  position_ = 0;
  if (magic[0] == 0x1f && magic[1] == 0x8b) inflate_ = std::make_unique<Inflate>();
}

InputFile::~InputFile() = default;

void InputFile::fail_with(const std::string& defect) const {
  fail("{} {}; {}", path_.string(), defect, how_to_get_);
}

void InputFile::read_bytes(void* into, i64 bytes) {
  file_.read(into, bytes, position_).check(path_.string(), how_to_get_);
  position_ += bytes;
}

i64 InputFile::most_bytes_left() const {
  // The limit of deflate, rounded up (zlib's technical notes, "Maximum Compression Factor").
  constexpr i64 kMostFromOneByte = 1032;
  const i64 left = file_.bytes() - position_;
  if (!inflate_) return left;
  i64 most = 0;
  const bool fits =
      !__builtin_mul_overflow(left + inflate_->stream.avail_in, kMostFromOneByte, &most) &&
      // What zlib holds back is less than its 32 KiB window and one block's
      // look-ahead.
      !__builtin_add_overflow(most, 65536, &most);
  return fits ? most : std::numeric_limits<i64>::max();
}

void InputFile::check_promised(i64 bytes) const {
  constexpr i64 kAlways = i64{1} << 26, kRatio = 64;
  if (bytes > most_bytes_left())
    fail_with(
        fmt::format("is cut off or damaged: its header promises {} bytes and at most {} can follow",
                    bytes, most_bytes_left()));
  if (inflate_ && bytes > kAlways && bytes / kRatio > file_.bytes())
    fail_with(
        fmt::format("has {} bytes and promises {} when it is unpacked; at most {} times its size, "
                    "or the unpacked file, is required",
                    file_.bytes(), bytes, kRatio));
}

i64 InputFile::read_some(std::span<u8> out) {
  if (inflate_) return inflate_some(out);
  const i64 count = std::min(std::ssize(out), file_.bytes() - position_);
  read_bytes(out.data(), count);
  return count;
}

// Goes on to the next member of the file only when more bytes are needed, as expect_end() does.
i64 InputFile::inflate_some(std::span<u8> out) {
  z_stream& stream = inflate_->stream;
  std::size_t done = 0;
  while (done < out.size()) {
    if (stream.avail_in == 0) {
      const i64 count = std::min(std::ssize(inflate_->input), file_.bytes() - position_);
      read_bytes(inflate_->input.data(), count);
      stream.next_in = inflate_->input.data();
      stream.avail_in = static_cast<uInt>(count);
    }
    if (inflate_->between_members) {
      if (stream.avail_in == 0 || *stream.next_in != 0x1f) return static_cast<i64>(done);
      inflateReset(&stream);
      inflate_->between_members = false;
    }
    constexpr std::size_t kMostAtOnce = 1u << 30;  // zlib counts in 32 bits
    const auto room = static_cast<uInt>(std::min(out.size() - done, kMostAtOnce));
    stream.next_out = out.data() + done;
    stream.avail_out = room;
    const int status = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    const bool at_end = stream.avail_in == 0 && position_ == file_.bytes();
    if (status == Z_STREAM_END) {
      inflate_->between_members = true;
    } else if ((status == Z_BUF_ERROR || status == Z_OK) && stream.avail_out > 0 && at_end) {
      fail_with(fmt::format("is cut off: the gzip data stop after {} bytes", file_.bytes()));
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail_with(fmt::format("is damaged: {}",
                            stream.msg != nullptr ? stream.msg : "the gzip data are not valid"));
    }
  }
  return static_cast<i64>(done);
}

void InputFile::read(std::span<u8> out, const std::string& what) {
  const i64 count = read_some(out);
  if (count < std::ssize(out))
    fail_with(
        fmt::format("ends in {}: {} bytes are needed and {} are there", what, out.size(), count));
}

void InputFile::expect_end() {
  u8 extra = 0;
  // For gzip this call reads past the last block, so that zlib compares the checksum.
  if (read_some({&extra, 1}) > 0) fail_with("is longer than its header says");
  const i64 left =
      file_.bytes() - position_ + (inflate_ ? static_cast<i64>(inflate_->stream.avail_in) : 0);
  if (left > 0) fail_with(fmt::format("has {} bytes after its end", left));
}

}  // namespace weft::data
