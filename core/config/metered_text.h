// SPDX-License-Identifier: Apache-2.0
// The text that yaml-cpp reads, and a bound of the memory that it takes for it.
//
// Note [What yaml-cpp keeps]
// The scanner of yaml-cpp cannot tell whether a flow collection is a key before its end. So it
// keeps the tokens of the whole collection before it reports the first event, and a limit that is
// checked at events comes too late: 1 MiB of "[" takes 240 MiB, and of "1," 140 MiB. MeteredText
// hands the text over in parts. Before each part it estimates the tokens since the last event from
// the characters that begin one, whether they are in a flow collection or in a text.
#pragma once
#include <array>
#include <streambuf>
#include <string_view>

#include "weft/core/types.h"

namespace weft::config {

// Thrown where the tokens would take more than kMaxTokenBytes, or kMaxOpenBrackets are open.
struct TooManyTokens {
  std::size_t at = 0;     // a byte of the text: where it nests too deeply, or how far it was read
  bool is_depth = false;  // more than `max_depth` brackets were open
};

class MeteredText final : public std::streambuf {
 public:
  // A list of as many values as a config may have (kMaxNodes) takes a quarter of this.
  static constexpr i64 kMaxTokenBytes = i64{56} << 20;
  static constexpr i64 kMaxOpenBrackets = 50'000;

  MeteredText(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}
  // Must be called at each event: the tokens before it are gone.
  void on_event();

 private:
  int_type underflow() override;
  void meter(char c, std::size_t at);

  std::string_view text_;
  int max_depth_;
  std::size_t read_ = 0;  // bytes of the text that were handed over
  std::array<char, 1024> part_{};
  // Since the last event.
  i64 token_bytes_ = 0;
  i64 depth_ = 0;                     // brackets that are open
  std::size_t deep_at_ = text_.npos;  // where there were more than max_depth_
  bool scalar_may_begin_ = true;      // at the next character that is no space
};

}  // namespace weft::config
