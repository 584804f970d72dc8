// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/protocol.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "weft/core/error.h"
#include "weft/core/printable.h"

namespace weft::data {
namespace {

static_assert(std::endian::native == std::endian::little, "the integers are little-endian");

constexpr std::array kFrameKinds{FrameKind::hello,   FrameKind::record,       FrameKind::end,
                                 FrameKind::welcome, FrameKind::acknowledged, FrameKind::refused,
                                 FrameKind::over,    FrameKind::failed};
constexpr std::size_t kMostProducerName = 64;

struct FrameHeader {
  u32 kind, bytes;
  u64 number;
};
static_assert(sizeof(FrameHeader) == kFrameHeaderBytes);

bool is_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

std::string frame_header(FrameKind kind, u64 number, i64 payload_bytes) {
  const FrameHeader header{static_cast<u32>(kind), static_cast<u32>(payload_bytes), number};
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

std::string frame_of(FrameKind kind, u64 number, std::string_view payload) {
  return frame_header(kind, number, static_cast<i64>(payload.size())).append(payload);
}

void FrameReader::add(std::span<const u8> bytes) {
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<Frame> FrameReader::next() {
  const std::span<const u8> left = std::span<const u8>(bytes_).subspan(taken_);
  FrameHeader header{};
  if (left.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, left.data(), sizeof header);
  const auto kind = static_cast<FrameKind>(header.kind);
  WEFT_CHECK(std::find(kFrameKinds.begin(), kFrameKinds.end(), kind) != kFrameKinds.end(),
             "stream: a frame of the kind '{}' was received; one of version {} of the protocol is "
             "required",
             printable_line({reinterpret_cast<const char*>(left.data()), 4}), kStreamVersion);
  WEFT_CHECK(header.bytes <= most_,
             "stream: a frame of {} bytes was received; at most {} are allowed", header.bytes,
             most_);
  const std::size_t whole = sizeof header + header.bytes;
  if (left.size() < whole) return std::nullopt;
  taken_ += whole;
  return Frame{kind, header.number, left.subspan(sizeof header, header.bytes)};
}

void check_producer_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= kMostProducerName &&
                    std::all_of(name.begin(), name.end(), is_in_name);
  WEFT_CHECK(fits,
             "stream: the producer's name is '{}'; 1 to {} letters, digits, '-', '_' and '.' are "
             "required",
             printable_line(name.substr(0, kMostProducerName)), kMostProducerName);
}

}  // namespace weft::data
