// SPDX-License-Identifier: Apache-2.0
// Protobuf: writes a message in the wire format of protocol buffers
// (https://protobuf.dev/programming-guides/encoding/). Fields are written in the order of the
// calls; a message within a message is a field of bytes.
#pragma once
#include <bit>
#include <span>
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft::train {

class Protobuf {
 public:
  // int64, enum and bool.
  Protobuf& integer(int field, i64 value) {
    key(field, 0);
    varint(static_cast<u64>(value));
    return *this;
  }
  Protobuf& number(int field, double value) {
    key(field, 1);
    fixed(std::bit_cast<u64>(value), 8);
    return *this;
  }
  Protobuf& number(int field, float value) {
    key(field, 5);
    fixed(std::bit_cast<u32>(value), 4);
    return *this;
  }
  // string, bytes and messages.
  Protobuf& bytes(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    text_ += value;
    return *this;
  }
  Protobuf& message(int field, const Protobuf& value) { return bytes(field, value.text_); }
  // repeated double, packed.
  Protobuf& numbers(int field, std::span<const double> values) {
    key(field, 2);
    varint(values.size() * sizeof(double));
    for (const double value : values) fixed(std::bit_cast<u64>(value), 8);
    return *this;
  }

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  void key(int field, int wire_type) {
    varint(static_cast<u64>(field) << 3 | static_cast<u64>(wire_type));
  }
  void varint(u64 value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
    text_ += static_cast<char>(value);
  }
  void fixed(u64 value, int bytes) {  // little-endian
    for (int i = 0; i < bytes; ++i) text_ += static_cast<char>(value >> (8 * i));
  }

  std::string text_;
};

}  // namespace weft::train
