// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/message.h"

#include "weft/core/error.h"

namespace weft::dist {
namespace {

constexpr u32 kMostBytes = u32{1} << 24;  // of a message

// The number of fields of each kind, in the order of MessageKind.
constexpr std::size_t kFields[] = {6, 2, 1, 2, 1, 0, 0, 1, 2, 1, 2};

void put_number(std::string& bytes, std::size_t number) {
  for (int shift = 0; shift < 32; shift += 8)
    bytes += static_cast<char>(static_cast<u8>(number >> shift));
}

u32 number_at(std::string_view bytes) {
  u32 number = 0;
  for (int byte = 3; byte >= 0; --byte)
    number = number << 8 | static_cast<u8>(bytes[static_cast<std::size_t>(byte)]);
  return number;
}

}  // namespace

std::string encoded(const Message& message) {
  std::string body(1, static_cast<char>(message.kind));
  for (const std::string& field : message.fields) {
    put_number(body, field.size());
    body += field;
  }
  WEFT_ASSERT(body.size() <= kMostBytes, "store: a message of {} bytes", body.size());
  std::string bytes;
  put_number(bytes, body.size());
  return bytes + body;
}

std::optional<Message> MessageReader::next() {
  if (bytes_.size() < 4) return std::nullopt;
  const u32 size = number_at(bytes_);
  WEFT_CHECK(size >= 1 && size <= kMostBytes,
             "store: a message of {} bytes came; 1 to {} are required", size, kMostBytes);
  if (bytes_.size() - 4 < size) return std::nullopt;
  std::string_view body = std::string_view(bytes_).substr(4, size);
  const auto kind = static_cast<u8>(body.front());
  WEFT_CHECK(kind < std::size(kFields), "store: a message of kind {} came; 0 to {} are required",
             kind, std::size(kFields) - 1);
  body.remove_prefix(1);
  Message message{static_cast<MessageKind>(kind)};
  while (!body.empty()) {
    const bool has_size = body.size() >= 4;
    const std::size_t bytes = has_size ? number_at(body) : 0;
    WEFT_CHECK(has_size && bytes <= body.size() - 4 && message.fields.size() < kFields[kind],
               "store: the fields of a message of kind {} do not fit its {} bytes", kind, size);
    message.fields.emplace_back(body.substr(4, bytes));
    body.remove_prefix(4 + bytes);
  }
  WEFT_CHECK(message.fields.size() == kFields[kind],
             "store: a message of kind {} has {} fields; {} are required", kind,
             message.fields.size(), kFields[kind]);
  bytes_.erase(0, 4 + std::size_t{size});
  return message;
}

}  // namespace weft::dist
