// SPDX-License-Identifier: Apache-2.0
// Input: the context in decimal, the stride and the words `characters` and `each` if they apply on
// the first line, then a text to train on.
#include "weft/data/text.h"

#include <charconv>

#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_text(std::string_view input) {
  const std::string_view first = input.substr(0, input.find('\n'));
  const std::string_view bytes = input.substr(std::min(first.size() + 1, input.size()));
  data::TextSource source{.path = write("text.txt", bytes).string()};
  const char* const end = first.data() + first.size();
  source.context = 0;
  const char* at = std::from_chars(first.data(), end, source.context).ptr;
  if (at != end) std::from_chars(at + 1, end, source.stride);
  const auto says = [&](std::string_view word) { return first.find(word) != first.npos; };
  if (says("characters")) source.tokens = data::TextTokens::characters;
  if (says("each")) source.targets = data::TextTargets::each;
  const data::Text text(source);

  const std::vector<std::string>& names = text.info().class_names;
  const std::vector<i64> tokens = data::tokens_in_file(source.path, names);
  std::string again;
  for (const i64 token : tokens)
    again += names.empty() ? std::string(1, static_cast<char>(token))
                           : names.at(static_cast<std::size_t>(token));
  WEFT_ASSERT(bytes.ends_with(again) && bytes.size() - again.size() <= 3, "the text is another");
  const i64 count = std::ssize(tokens), targets = text.info().target[0];
  WEFT_ASSERT(text.size() == (count - source.context - 1) / source.stride + 1, "{} samples",
              text.size());
  std::vector<i64> window(static_cast<std::size_t>(source.context)),
      next(static_cast<std::size_t>(targets));
  for (const i64 index : {i64{0}, text.size() - 1}) {
    text.read(index, window.data(), next.data());
    const auto begin = tokens.begin() + index * source.stride;
    WEFT_ASSERT(std::equal(window.begin(), window.end(), begin), "sample {} is another", index);
    WEFT_ASSERT(std::equal(next.begin(), next.end(), begin + source.context + 1 - targets),
                "the targets of sample {} are others", index);
  }
}

const bool registered = add("text", run_text);

}  // namespace
}  // namespace weft::fuzz
