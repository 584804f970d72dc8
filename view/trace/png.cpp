// SPDX-License-Identifier: Apache-2.0
#include "weft/view/trace/png.h"

#include <cstring>
#include <vector>

#include <zlib.h>

#include "weft/core/error.h"

namespace weft::view {
namespace {

std::string big_endian(u32 value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<u8>(value >> shift));
  return bytes;
}

// Length, type, data, and the checksum of type and data.
std::string chunk(const std::string& type, const std::string& data) {
  const std::string content = type + data;
  const auto checksum = static_cast<u32>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  return big_endian(static_cast<u32>(data.size())) + content + big_endian(checksum);
}

std::string compressed(const std::string& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  const int code = compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                             reinterpret_cast<const Bytef*>(bytes.data()),
                             static_cast<uLong>(bytes.size()), Z_BEST_COMPRESSION);
  WEFT_ASSERT(code == Z_OK, "compress2 gave {}", code);
  out.resize(size);
  return out;
}

std::string png(const train::Picture& picture) {
  const auto line = static_cast<std::size_t>(picture.width * picture.channels);
  std::string lines;
  for (std::size_t y = 0; y < static_cast<std::size_t>(picture.height); ++y) {
    lines += '\0';  // no filter
    lines.append(reinterpret_cast<const char*>(picture.pixels.data()) + y * line, line);
  }
  std::string header =
      big_endian(static_cast<u32>(picture.width)) + big_endian(static_cast<u32>(picture.height));
  header += '\x08';                                 // bits of a sample
  header += picture.channels == 3 ? '\x02' : '\0';  // colour or grey
  header.append(3, '\0');
  return std::string("\x89PNG\r\n\x1a\n") + chunk("IHDR", header) +
         chunk("IDAT", compressed(lines)) + chunk("IEND", "");
}

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    u32 group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<u8>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string data_uri(const train::Picture& picture) {
  if (picture.pixels.empty()) return "";
  return "data:image/png;base64," + base64(png(picture));
}

}  // namespace weft::view
