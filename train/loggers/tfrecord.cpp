// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/tfrecord.h"

#include <array>

namespace weft::train {
namespace {

constexpr std::size_t kHeader = 12, kFooter = 4;  // bytes around the data

constexpr std::array<u32, 256> crc_table() {
  constexpr u32 kReversed = 0x82f63b78;  // the polynomial 0x1edc6f41
  std::array<u32, 256> table{};
  for (u32 i = 0; i < table.size(); ++i) {
    u32 value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? kReversed : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<u32, 256> kCrcTable = crc_table();

void add_little_endian(std::string& text, u64 value, int bytes) {
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
}
u64 little_endian(std::string_view bytes) {
  u64 value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

u32 crc32c(std::string_view bytes) {
  u32 crc = ~u32{0};
  for (const char byte : bytes)
    crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

u32 masked_crc32c(std::string_view bytes) {
  const u32 crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

std::string tfrecord(std::string_view data) {
  std::string record;
  record.reserve(kHeader + data.size() + kFooter);
  add_little_endian(record, data.size(), 8);
  add_little_endian(record, masked_crc32c(record), 4);
  record += data;
  add_little_endian(record, masked_crc32c(data), 4);
  return record;
}

std::size_t whole_tfrecords(std::string_view file) {
  std::size_t whole = 0;
  while (file.size() - whole >= kHeader + kFooter) {
    const std::string_view rest = file.substr(whole);
    const u64 bytes = little_endian(rest.substr(0, 8));
    if (little_endian(rest.substr(8, 4)) != masked_crc32c(rest.substr(0, 8))) break;
    if (bytes > rest.size() - kHeader - kFooter) break;
    const std::string_view data = rest.substr(kHeader, bytes);
    if (little_endian(rest.substr(kHeader + bytes, 4)) != masked_crc32c(data)) break;
    whole += kHeader + bytes + kFooter;
  }
  return whole;
}

}  // namespace weft::train
