// SPDX-License-Identifier: Apache-2.0
#include "weft/core/printable.h"

#include <algorithm>

#include <fmt/format.h>

namespace weft {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

bool is_control(u32 code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||  // Arabic letter mark
         code == 0x200e || code == 0x200f ||    // left-to-right and right-to-left mark
         (code >= 0x2028 && code <= 0x202e) ||  // line separators, embeddings, overrides
         (code >= 0x2066 && code <= 0x2069);    // isolates
}

void add_escaped(std::string& result, u32 code) {
  if (code == '\n') result += "\\n";
  else if (code == '\t') result += "\\t";
  else result += code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
}

// Returns how many bytes at the beginning of `text` are characters of ASCII that print.
std::size_t plain_bytes(std::string_view text) {
  return static_cast<std::size_t>(
      std::find_if(text.begin(), text.end(), [](u8 byte) { return byte < 0x20 || byte >= 0x7f; }) -
      text.begin());
}

std::string without_controls(std::string_view text, bool keeps_lines) {
  std::string result;
  result.reserve(text.size());
  while (true) {
    const std::size_t plain = plain_bytes(text);
    result += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return result;
    const auto [code, bytes] = first_character(text);
    const bool kept = keeps_lines && (code == '\n' || code == '\t');
    if (bytes == 0) result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    else if (is_control(code) && !kept) add_escaped(result, code);
    else result += text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
}

// Returns the largest length up to `bytes` that ends between two characters.
std::size_t whole_characters(std::string_view text, std::size_t bytes) {
  if (bytes >= text.size()) return text.size();
  for (std::size_t back = 0; back < 4 && back < bytes; ++back)
    if (!continues(text[bytes - back])) return bytes - back;
  return bytes;  // not UTF-8
}

}  // namespace

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  u32 code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues(text[i])) return {};
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool overlong = code < (bytes == 4 ? 0x10000U : bytes == 3 ? 0x800U : 0x80U);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return overlong || surrogate || code > 0x10ffff ? Character{} : Character{code, bytes};
}

std::size_t invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = first_character(text.substr(at)).bytes;
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

bool is_wide_text(std::string_view text) {
  const bool marked = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") ||
                      text.starts_with(std::string_view("\0\0\xfe\xff", 4));
  return marked || (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0'));
}

std::string printable(std::string_view text) { return without_controls(text, true); }
std::string printable_line(std::string_view text) { return without_controls(text, false); }

std::string excerpt(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  return std::string(text.substr(0, whole_characters(text, bytes))) + "…";
}

std::string shortened(std::string_view sentence) {
  constexpr std::size_t kLongest = 4000, kEnd = 1000;
  if (sentence.size() <= kLongest) return std::string(sentence);
  std::size_t end = sentence.size() - kEnd;
  while (end < sentence.size() && continues(sentence[end])) ++end;
  return excerpt(sentence, kLongest - kEnd) + std::string(sentence.substr(end));
}

}  // namespace weft
