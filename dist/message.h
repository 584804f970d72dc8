// SPDX-License-Identifier: Apache-2.0
// The messages between the ranks of a job and the store of rank 0.
//
// Note [The store's protocol]
// A message is a u32 with the number of bytes behind it, a byte with its kind, and its fields: for
// each a u32 with its size, and its bytes. Numbers are little-endian.
//
//   of a rank     hello    version, token, rank, size, build and config, host
//                 set      key, value
//                 get      key; answered by `value` as soon as there is one
//                 pulse    what the rank does now, and its pace (Note [Waiting]); ten
//                          in the time after which a rank is lost
//                 failed   why; the others are told
//                 leave    the rank ends as it should
//                 meet     name, text; when all ranks have sent it, `value` with the name and the
//                          text that is not empty answers each of them
//   of the store  welcome
//                 refused  a sentence; the rank ends
//                 value    key, value
//                 pulse    two empty fields, as often
//                 lost     a sentence; the rank ends
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/types.h"

namespace weft::dist {

enum class MessageKind : u8 {
  hello,
  set,
  get,
  pulse,
  failed,
  leave,
  welcome,
  refused,
  value,
  lost,
  meet
};

// Note [Waiting]
// A rank that lives may keep the others waiting for a limited time only (dist.timeout), except
// while it does what may take long, such as reading data. Each pulse says whether the rank waits in
// an exchange, is patient or computes, and how often that has changed. The store ends the job when
// a rank has waited in one exchange for the whole time, and another has computed without a break
// for as long, or nobody is outside of an exchange.
enum class Pace { computing, exchanging, patient };
inline constexpr const char* kPaces[] = {"computing", "exchanging", "patient"};

struct Message {
  MessageKind kind = MessageKind::pulse;
  std::vector<std::string> fields = {};
};

std::string encoded(const Message& message);

// Takes bytes as they come and gives the messages in them.
class MessageReader {
 public:
  void add(std::string_view bytes) { bytes_ += bytes; }
  // The next whole message; none if there is none yet. Throws UserError for bytes that are no
  // message: another program has connected.
  std::optional<Message> next();

 private:
  std::string bytes_;
};

}  // namespace weft::dist
