// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/message.h"

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tests/support/message_of.h"

namespace weft::dist {
namespace {

TEST(Message, WhatIsWrittenReadsBackFromPieces) {
  const std::string bytes = encoded({MessageKind::set, {"key", std::string("\0\xff", 2)}}) +
                            encoded({MessageKind::leave});
  MessageReader reader;
  std::vector<Message> messages;
  for (const char byte : bytes) {
    reader.add({&byte, 1});
    while (const auto message = reader.next()) messages.push_back(*message);
  }
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].fields, (std::vector<std::string>{"key", std::string("\0\xff", 2)}));
  EXPECT_EQ(messages[1].kind, MessageKind::leave);
}

TEST(Message, WhatIsNoMessageIsRefused) {
  const auto refused = [](std::string bytes) {
    MessageReader reader;
    reader.add(bytes);
    return test_support::message_of<UserError>([&] { reader.next(); });
  };
  using std::string_literals::operator""s;
  EXPECT_EQ(refused("\0\0\0\0"s), "store: a message of 0 bytes came; 1 to 16777216 are required");
  EXPECT_EQ(refused("\xff\xff\xff\xff"s),
            "store: a message of 4294967295 bytes came; 1 to 16777216 are required");
  EXPECT_EQ(refused("\1\0\0\0\x0b"s), "store: a message of kind 11 came; 0 to 10 are required");
  EXPECT_EQ(refused("\1\0\0\0\1"s), "store: a message of kind 1 has 0 fields; 2 are required");
  EXPECT_EQ(refused("\6\0\0\0\2\2\0\0\0x"s),
            "store: the fields of a message of kind 2 do not fit its 6 bytes");
}

}  // namespace
}  // namespace weft::dist
