// SPDX-License-Identifier: Apache-2.0
#include "weft/data/file.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <zlib.h>

#include "weft/core/error.h"

namespace weft::data {
namespace fs = std::filesystem;

fs::path find_file(const FileSearch& search, std::span<const std::string> names) {
  std::vector<fs::path> folders;
  if (!search.root.empty()) folders.push_back(search.root);
  const char* variable = std::getenv("WEFT_DATA_DIR");
  const bool variable_set = variable != nullptr && *variable != '\0';
  if (variable_set) folders.push_back(fs::path(variable) / search.folder);
  for (const auto& folder : folders)
    for (const auto& name : names) {
      std::error_code ignored;
      if (fs::exists(folder / name, ignored)) return folder / name;
    }
  std::vector<std::string> places;
  for (const auto& folder : folders) places.push_back(folder.string());
  fail("{}: there is no {} in {}{}; {}", search.dataset, fmt::join(names, " or "),
       fmt::join(places, " or "),
       variable_set ? ""
                    : fmt::format("{}$WEFT_DATA_DIR/{} (WEFT_DATA_DIR is not set)",
                                  places.empty() ? "" : " or ", search.folder),
       search.how_to_get);
}

struct InputFile::Inflate {
  z_stream stream{};
  bool ended = false;
  Inflate() {
    WEFT_ASSERT(inflateInit2(&stream, 15 + 16) == Z_OK, "zlib does not start");
  }  // 16: gzip only
  ~Inflate() { inflateEnd(&stream); }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
};

InputFile::InputFile(fs::path path, std::string how_to_get)
    : path_(std::move(path)), how_to_get_(std::move(how_to_get)) {
  std::error_code error;
  if (!fs::exists(path_, error)) fail_with("does not exist");
  if (!fs::is_regular_file(path_, error)) fail_with("is not a file");
  std::ifstream stream(path_, std::ios::binary);
  if (!stream) fail_with("cannot be opened for reading");
  const auto size = fs::file_size(path_, error);
  if (error || size == 0) fail_with("is empty");
  bytes_.resize(size);
  if (!stream.read(reinterpret_cast<char*>(bytes_.data()), static_cast<std::streamsize>(size)))
    fail_with("cannot be read to its end");
  if (size >= 2 && bytes_[0] == 0x1f && bytes_[1] == 0x8b) inflate_ = std::make_unique<Inflate>();
}

InputFile::~InputFile() = default;

void InputFile::fail_with(const std::string& defect) const {
  fail("{} {}; {}", path_.string(), defect, how_to_get_);
}

i64 InputFile::most_bytes_left() const {
  // The limit of deflate, rounded up (zlib's technical notes, "Maximum Compression Factor").
  constexpr i64 kMostFromOneByte = 1032;
  const auto left = static_cast<i64>(bytes_.size() - position_);
  // What zlib holds back inside is less than its 32 KiB window and one block's look-ahead.
  return inflate_ ? left * kMostFromOneByte + 65536 : left;
}

i64 InputFile::read_some(std::span<u8> out) {
  if (!inflate_) {
    const auto count = std::min(out.size(), bytes_.size() - position_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(position_), count, out.begin());
    position_ += count;
    return static_cast<i64>(count);
  }
  z_stream& stream = inflate_->stream;
  i64 done = 0;
  while (done < static_cast<i64>(out.size()) && !inflate_->ended) {
    constexpr std::size_t kChunk = 1u << 30;  // zlib counts in 32 bits
    const auto room = std::min(out.size() - static_cast<std::size_t>(done), kChunk);
    const auto input = std::min(bytes_.size() - position_, kChunk);
    stream.next_out = out.data() + done;
    stream.avail_out = static_cast<uInt>(room);
    stream.next_in = bytes_.data() + position_;
    stream.avail_in = static_cast<uInt>(input);
    const int status = inflate(&stream, Z_NO_FLUSH);
    done += static_cast<i64>(room - stream.avail_out);
    position_ += input - stream.avail_in;
    if (status == Z_STREAM_END) {
      inflate_->ended = true;
    } else if (status == Z_BUF_ERROR ||
               (status == Z_OK && stream.avail_out > 0 && position_ == bytes_.size())) {
      fail_with(fmt::format("is cut off: the gzip data stop after {} bytes", bytes_.size()));
    } else if (status != Z_OK) {
      fail_with(fmt::format("is damaged: {}",
                            stream.msg != nullptr ? stream.msg : "the gzip data are not valid"));
    }
  }
  return done;
}

void InputFile::read(std::span<u8> out, const std::string& what) {
  const i64 count = read_some(out);
  if (count < static_cast<i64>(out.size()))
    fail_with(
        fmt::format("ends in {}: {} bytes are needed and {} are there", what, out.size(), count));
}

void InputFile::expect_end() {
  u8 extra = 0;
  // For gzip this call reads past the last block, so that zlib compares the checksum.
  if (read_some({&extra, 1}) > 0) fail_with("is longer than its header says");
  if (position_ < bytes_.size())
    fail_with(fmt::format("has {} bytes after its end", bytes_.size() - position_));
}

}  // namespace weft::data
