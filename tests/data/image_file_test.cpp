// SPDX-License-Identifier: Apache-2.0
// Pictures of every colour type, depth and interlacing, with values that were compared with
// Pillow's (tests/golden/make_pictures.py), and files that are none.
#include "weft/data/image_file.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

Bytes of_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<u8>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const nlohmann::json& pictures() {
  static const auto all =
      nlohmann::json::parse(std::ifstream(WEFT_SOURCE_ROOT "/tests/golden/pictures.json"));
  return all;
}

Bytes picture(const std::string& name) {
  for (const auto& one : pictures())
    if (one["name"] == name) return of_hex(one["png"]);
  ADD_FAILURE() << name;
  return {};
}

void append_big_endian(Bytes& bytes, u32 value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<u8>(value >> shift));
}

void append_chunk(Bytes& bytes, const std::string& name, const Bytes& content) {
  append_big_endian(bytes, static_cast<u32>(content.size()));
  const std::size_t begin = bytes.size();
  bytes.insert(bytes.end(), name.begin(), name.end());
  bytes.insert(bytes.end(), content.begin(), content.end());
  append_big_endian(bytes, static_cast<u32>(crc32(0, bytes.data() + begin,
                                                  static_cast<uInt>(bytes.size() - begin))));
}

// The signature and the header of a grey picture.
Bytes begin_of_png(u32 width, u32 height, u8 depth = 8) {
  Bytes bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
  append_big_endian(header, width);
  append_big_endian(header, height);
  header.insert(header.end(), {depth, 0, 0, 0, 0});
  append_chunk(bytes, "IHDR", header);
  return bytes;
}

Bytes zlib_of(const Bytes& raw) {
  uLongf size = compressBound(raw.size());
  Bytes packed(size);
  EXPECT_EQ(compress2(packed.data(), &size, raw.data(), raw.size(), 9), Z_OK);
  packed.resize(size);
  return packed;
}

class Pictures : public ::testing::Test {
 protected:
  std::string refusal(const Bytes& bytes, std::optional<PictureSize> required = {}) const {
    return refusal(folder_.write("a.png", bytes), required);
  }
  static std::string refusal(const std::filesystem::path& path,
                             std::optional<PictureSize> required = {}) {
    const std::string text = user_error_of([&] { read_png(path.string(), 1, required); });
    EXPECT_TRUE(text.starts_with(path.string() + ": ")) << text;
    return text.substr(path.string().size() + 2);
  }
  const TempFolder folder_;
};

TEST_F(Pictures, OfEveryKindHaveTheValuesOfTheirFiles) {
  ASSERT_GE(pictures().size(), 90u);
  for (const auto& one : pictures()) {
    const std::string path = folder_.write("a.png", of_hex(one["png"]));
    const i64 height = one["height"], width = one["width"];
    const Tensor grey = read_png(path, 1), rgb = read_png(path, 3, PictureSize{height, width});
    ASSERT_EQ(grey.shape(), (Shape{height, width, 1})) << one["name"];
    ASSERT_EQ(rgb.shape(), (Shape{height, width, 3})) << one["name"];
    EXPECT_EQ(grey.to_vector<u8>(), of_hex(one["grey"])) << one["name"];
    EXPECT_EQ(rgb.to_vector<u8>(), of_hex(one["rgb"])) << one["name"];
  }
}

TEST_F(Pictures, AnIndexBehindThePaletteIsBlackAsInPillow) {
  Bytes bytes = begin_of_png(4, 1, 4);
  bytes[25] = 3;  // the colour type: an index into a palette
  const u32 crc = static_cast<u32>(crc32(0, bytes.data() + 12, 17));
  for (std::size_t i = 0; i < 4; ++i) bytes[29 + i] = static_cast<u8>(crc >> (24 - 8 * i));
  append_chunk(bytes, "PLTE", {10, 20, 30, 40, 50, 60});
  append_chunk(bytes, "IDAT", zlib_of({0, 0x01, 0x5f}));
  append_chunk(bytes, "IEND", {});
  EXPECT_EQ(read_png(folder_.write("a.png", bytes), 3).to_vector<u8>(),
            (Bytes{10, 20, 30, 40, 50, 60, 0, 0, 0, 0, 0, 0}));
}

TEST_F(Pictures, WhatIsBesideThePixelsIsPassedOver) {
  Bytes bytes = begin_of_png(2, 1);
  append_chunk(bytes, "tEXt", Bytes(3'000'000, 'x'));
  append_chunk(bytes, "eXIf", Bytes(100, 'x'));
  append_chunk(bytes, "iCCP", Bytes(100, 'x'));
  append_chunk(bytes, "caBX", Bytes(2'000'000, 'x'));
  append_chunk(bytes, "IDAT", zlib_of({0, 7, 9}));
  append_chunk(bytes, "tIME", {1, 2});
  append_chunk(bytes, "IEND", {});
  EXPECT_EQ(read_png(folder_.write("a.png", bytes), 1).to_vector<u8>(), (Bytes{7, 9}));
}

// The lengths of chunks and the size of a picture decide no allocation.
TEST_F(Pictures, SmallFilesTakeLittleMemory) {
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kib();
  for (const char* name : {"tEXt", "zTXt", "iTXt", "iCCP", "eXIf", "sPLT", "hIST", "pCAL", "sCAL",
                           "tRNS", "PLTE", "IDAT", "aaAa", "AAAA"}) {
    Bytes bytes = begin_of_png(28, 28);
    append_big_endian(bytes, 0x7fffffff);
    bytes.insert(bytes.end(), name, name + 4);
    EXPECT_CONTAINS(refusal(bytes), "cannot be read (") << name;
    bytes.resize(bytes.size() + 1000, 1);
    EXPECT_CONTAINS(refusal(bytes), "cannot be read (") << name;
  }
  Bytes bytes = begin_of_png(4096, 4096);
  append_chunk(bytes, "IDAT", zlib_of(Bytes(100)));
  EXPECT_EQ(refusal(bytes), "has " + std::to_string(bytes.size()) +
                                " bytes for 4096 × 4096 pixels; a whole PNG file is required");
  EXPECT_LT(peak_kib() - before, 32 << 10);
}

// libpng unpacks what follows the last row: here 24 MB of 24 kB.
TEST_F(Pictures, PixelsBehindTheLastRowAreNotUnpacked) {
  Bytes raw{0, 7, 9};
  raw.resize(24'000'000);
  const Bytes longer = zlib_of(raw);
  const auto half = longer.begin() + std::ssize(longer) / 2;
  for (const bool in_one_chunk : {true, false}) {
    Bytes bytes = begin_of_png(2, 1);
    append_chunk(bytes, "IDAT", {longer.begin(), in_one_chunk ? longer.end() : half});
    if (!in_one_chunk) append_chunk(bytes, "IDAT", {half, longer.end()});
    append_chunk(bytes, "IEND", {});
    EXPECT_EQ(refusal(bytes),
              "cannot be read (its rows have more bytes than their pixels take); "
              "a whole PNG file is required");
  }
  // Other chunks may be long, and an encoder may leave a little behind the rows.
  raw.resize(1000);
  Bytes bytes = begin_of_png(2, 1);
  append_chunk(bytes, "IDAT", zlib_of(raw));
  append_chunk(bytes, "tEXt", Bytes(3'000'000, 'x'));
  append_chunk(bytes, "IEND", {});
  EXPECT_EQ(read_png(folder_.write("a.png", bytes), 1).to_vector<u8>(), (Bytes{7, 9}));
}

TEST_F(Pictures, ManyChunksMayBeEmpty) {
  Bytes bytes = begin_of_png(2, 1), data = zlib_of({0, 7, 9});
  const auto half = data.begin() + 3;
  for (int i = 0; i < 80'000; ++i) append_chunk(bytes, "IDAT", {});
  append_chunk(bytes, "IDAT", {data.begin(), half});
  for (int i = 0; i < 80'000; ++i) append_chunk(bytes, "IDAT", {});
  append_chunk(bytes, "IDAT", {half, data.end()});
  append_chunk(bytes, "IEND", {});
  const Tensor pixels = read_png(folder_.write("a.png", bytes).string(), 1);
  EXPECT_EQ(pixels.to_vector<u8>(), (std::vector<u8>{7, 9}));
}

TEST_F(Pictures, OfAnotherKindAreNamed) {
  const auto said = [&](std::string_view begin) {
    const std::string path = folder_.write("a.png", Bytes(begin.begin(), begin.end()));
    const std::string text = user_error_of([&] { read_picture(path, 1); });
    EXPECT_TRUE(text.starts_with(path + ": it ")) << text;
    return text.substr(path.size() + 5);
  };
  for (const auto& [begin, kind] : std::initializer_list<std::pair<std::string_view, std::string>>{
           {"GIF89a\1\0", ", but a GIF file"},
           {"BM\1\0\0", ", but a BMP file"},
           {"RIFF\1\1\1\1WEBPVP8 ", ", but a WebP file"},
           {"hi", ", but text"},
           {"a text of more than a few bytes\n", ", but text"},
           {"", ", but empty"},
           {"\1\2\3", ""}})
    EXPECT_EQ(said(begin), "is neither PNG nor JPEG" + kind + "; a PNG or JPEG file is required");
  const std::string cut = folder_.write("a.png", Bytes{0x89, 'P', 'N'});
  EXPECT_CONTAINS(user_error_of([&] { read_picture(cut, 1); }), "cut off");
}

TEST_F(Pictures, TheSizeIsCheckedBeforeThePixelsAreRead) {
  Bytes bytes = begin_of_png(4097, 4096);
  append_chunk(bytes, "IDAT", Bytes(100'000));
  EXPECT_EQ(refusal(bytes), "4097 × 4096 pixels; at most 16777216 are read");
  EXPECT_EQ(refusal(bytes, PictureSize{28, 30}),
            "4097 × 4096 pixels; 30 × 28 is required (data.size resizes pictures)");
  bytes = begin_of_png(65536, 1);
  append_chunk(bytes, "IDAT", Bytes(1000));
  EXPECT_CONTAINS(refusal(bytes), "cannot be read (");
  EXPECT_CONTAINS(refusal(begin_of_png(0, 1)), "cannot be read (");
}

TEST_F(Pictures, EveryCutIsNamedAndNoFlippedBitEscapes) {
  const Bytes whole = picture("rgba_8_interlaced_plain");
  for (std::size_t size = 0; size + 12 < whole.size(); ++size)
    EXPECT_CONTAINS(refusal({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
                    "cannot be read (")
        << size;
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = whole;
      changed[i] ^= static_cast<u8>(1 << bit);
      try {
        read_png(folder_.write("a.png", changed), 3);
      } catch (const UserError&) {
      }
    }
}

TEST_F(Pictures, FilesThatAreNoneAreNamed) {
  EXPECT_EQ(refusal(folder_.path() / "none"), "it does not exist; a PNG file is required");
  EXPECT_EQ(refusal(folder_.path()), "it is a folder, not a regular file; a PNG file is required");
  EXPECT_EQ(refusal(std::filesystem::path("/dev/zero")),
            "it is a device, not a regular file; a PNG file is required");
  const auto pipe = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(refusal(pipe), "it is a pipe, not a regular file; a PNG file is required");
  EXPECT_EQ(refusal(Bytes{'G', 'I', 'F', '8', '9', 'a', 0, 0}),
            "cannot be read (Not a PNG file); a PNG file is required");
  EXPECT_EQ(user_error_of([&] { read_png("a.png", 2); }),
            "a.png: 2 channels were asked for; 1 (grey) or 3 (red, green, blue) is required");
}

}  // namespace
}  // namespace weft::data
