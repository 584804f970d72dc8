// SPDX-License-Identifier: Apache-2.0
// Target json: the input is a text in JSON, of any kind; what is read is written, and then reads
// back equal. Target printable: the input is a text for a message.
#include "weft/core/json.h"

#include <nlohmann/json.hpp>

#include "weft/core/printable.h"
#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_json(std::string_view input) {
  const auto sorted = parse_json<nlohmann::json>(input, "input");
  const auto ordered = parse_json<nlohmann::ordered_json>(input, "input");
  const std::string text = ordered.dump();
  WEFT_ASSERT(parse_json<nlohmann::ordered_json>(text, "copy") == ordered, "reads as another");
  WEFT_ASSERT(parse_json<nlohmann::json>(text, "copy") == sorted, "reads as another");
}

void run_printable(std::string_view input) {
  for (const bool one_line : {false, true}) {
    const auto made = one_line ? printable_line : printable;
    const std::string text = made(input);
    WEFT_ASSERT(made(text) == text, "a printable text changes again");
    WEFT_ASSERT(invalid_utf8(text) == std::string_view::npos, "a printable text is not UTF-8");
    for (const char c : text)
      WEFT_ASSERT(static_cast<u8>(c) >= 0x20 || (!one_line && (c == '\n' || c == '\t')),
                  "a control character {} is left", static_cast<int>(c));
  }
  const std::string part = excerpt(input, 60);
  WEFT_ASSERT(part.size() <= 60 + 3, "an excerpt has {} bytes", part.size());
  WEFT_ASSERT(
      invalid_utf8(input) != std::string_view::npos || invalid_utf8(part) == std::string_view::npos,
      "a character is cut in two");
  (void)shortened(input);
}

const bool json_registered = add("json", run_json);
const bool printable_registered = add("printable", run_printable);

}  // namespace
}  // namespace weft::fuzz
