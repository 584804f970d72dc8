// SPDX-License-Identifier: Apache-2.0
// Texts from files and command lines, made fit for a message and a terminal.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "weft/core/types.h"

namespace weft {

struct Character {
  u32 code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};
// Decodes the character at the beginning of a text that is not empty. Overlong forms, surrogates
// and codes above U+10FFFF are not UTF-8.
Character first_character(std::string_view text);
// Returns the index of the first byte that is not part of valid UTF-8, or npos.
std::size_t invalid_utf8(std::string_view text);

// Whether a text is UTF-16 or UTF-32, by its byte order mark or its first character. Text in UTF-8
// has no zero bytes.
bool is_wide_text(std::string_view text);

// Returns the text with everything visible that a terminal would obey: control characters (C0, C1
// and DEL), marks that reverse the direction of a line, and bytes that are not UTF-8 become \x1b,
// \u202e and \xff. All other UTF-8 stays as it is. Newlines and tabs stay too, because a message
// may have several lines. Applying it twice changes nothing more.
std::string printable(std::string_view text);
// Does the same and writes newlines and tabs as \n and \t. A name in a message then cannot look
// like a line of its own.
std::string printable_line(std::string_view text);

// Returns the text, or its beginning of at most `bytes` bytes and "…". No character is cut in two.
std::string excerpt(std::string_view text, std::size_t bytes = 60);
// Returns a sentence without its middle if it is longer than 4,000 bytes. A message begins with its
// place and ends with what is required, so a long name in the middle is what can go.
std::string shortened(std::string_view sentence);

}  // namespace weft
