// SPDX-License-Identifier: Apache-2.0
// Input: the context in decimal on the first line, then a text to train on.
#include "weft/data/text.h"

#include <charconv>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_text(std::string_view input) {
  const std::string_view first = input.substr(0, input.find('\n'));
  const std::string_view bytes = input.substr(std::min(first.size() + 1, input.size()));
  i64 context = 0;
  std::from_chars(first.data(), first.data() + first.size(), context);
  const data::Text text(write("text.txt", bytes), context);
  WEFT_ASSERT(text.size() == static_cast<i64>(bytes.size()) - context, "{} samples", text.size());
  std::vector<i64> window(static_cast<std::size_t>(context));
  i64 next = -1;
  for (const i64 index : {i64{0}, text.size() - 1}) {
    text.read(index, window.data(), &next);
    const auto at = static_cast<std::size_t>(index);
    WEFT_ASSERT(window[0] == static_cast<u8>(bytes[at]), "sample {} begins with {}", index,
                window[0]);
    WEFT_ASSERT(next == static_cast<u8>(bytes[at + window.size()]), "the target is {}", next);
  }
}

const bool registered = add("text", run_text);

}  // namespace
}  // namespace weft::fuzz
