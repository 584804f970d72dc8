// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/metered_text.h"

#include <algorithm>

namespace weft::config {
namespace {

// What the tokens of yaml-cpp 0.7 take, measured.
constexpr i64 kBracketBytes = 240;  // with the key that it may begin
constexpr i64 kScalarBytes = 184;   // likewise
constexpr i64 kTokenBytes = 92;

}  // namespace

void MeteredText::on_event() {
  token_bytes_ = 0;
  depth_ = 0;
  deep_at_ = text_.npos;
}

void MeteredText::meter(char c, std::size_t at) {
  switch (c) {
    case '[':
    case '{':
      token_bytes_ += kBracketBytes;
      if (++depth_ > max_depth_) deep_at_ = std::min(deep_at_, at);
      scalar_may_begin_ = true;
      return;
    case ']':
    case '}': --depth_; [[fallthrough]];
    case ',':
    case ':':
    case '?':
      token_bytes_ += kTokenBytes;
      scalar_may_begin_ = true;
      return;
    case '"':
    case '\'':  // half of a scalar
      token_bytes_ += kScalarBytes / 2;
      scalar_may_begin_ = false;
      return;
    case '&':
    case '*':
    case '!':
      token_bytes_ += kScalarBytes;
      scalar_may_begin_ = false;
      return;
    case ' ':
    case '\t':
    case '\r':
    case '\n': return;
    default:
      if (scalar_may_begin_) token_bytes_ += kScalarBytes;
      scalar_may_begin_ = false;
  }
}

MeteredText::int_type MeteredText::underflow() {
  const std::string_view part = text_.substr(read_, part_.size());
  if (part.empty()) return traits_type::eof();
  for (std::size_t i = 0; i < part.size(); ++i) meter(part[i], read_ + i);
  read_ += part.size();
  if (token_bytes_ > kMaxTokenBytes || depth_ > kMaxOpenBrackets) {
    const bool is_depth = deep_at_ != text_.npos;
    throw TooManyTokens{is_depth ? deep_at_ : read_ - part.size(), is_depth};
  }
  std::copy(part.begin(), part.end(), part_.begin());
  setg(part_.data(), part_.data(), part_.data() + part.size());
  return traits_type::to_int_type(part.front());
}

}  // namespace weft::config
