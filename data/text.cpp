// SPDX-License-Identifier: Apache-2.0
#include "weft/data/text.h"

#include <algorithm>
#include <memory>

#include "weft/core/printable.h"
#include "weft/core/regular_file.h"
#include "weft/data/check.h"
#include "weft/data/vocabulary.h"

namespace weft::data {
namespace {

constexpr i64 kBytes = 256;

std::vector<u8> bytes_of_file(const std::string& path, const char* key = "") {
  const RegularFile file(path);
  const auto check = [&](const FileDefect& defect) {
    defect.check("text: " + path, std::string("a file of text is required") + key);
  };
  check(file.defect());
  std::vector<u8> bytes(static_cast<std::size_t>(file.bytes()));
  check(file.read(bytes.data(), file.bytes(), 0));
  return bytes;
}

// The text of a file whose characters are tokens.
std::string_view characters_of(const std::vector<u8>& bytes, const std::string& path) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  WEFT_CHECK(!is_wide_text(text),
             "text: {} is UTF-16 or UTF-32; UTF-8 is required: save the file as UTF-8", path);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

}  // namespace

Text::Text(const TextSource& source, const std::string& split) : stride_(source.stride) {
  const i64 context = source.context;
  WEFT_CHECK(context >= 1, "text: context is {}; at least 1 is required", context);
  WEFT_CHECK(stride_ >= 1, "text: stride is {}; at least 1 is required", stride_);
  std::vector<u8> bytes = bytes_of_file(source.path, " (data.path)");
  WEFT_CHECK(!bytes.empty(), "text: {} is empty; a file longer than the context of {} is required",
             source.path, context);
  info_.classes = kBytes;
  const bool characters = source.tokens == TextTokens::characters;
  if (characters) {
    const std::string_view text = characters_of(bytes, source.path);
    const Vocabulary vocabulary = source.vocabulary.empty()
                                      ? Vocabulary::of_text(text, source.path)
                                      : Vocabulary::of_names(source.vocabulary, "text: the run");
    tokens_ = vocabulary.tokens_of(text, source.path);
    info_.classes = vocabulary.size();
    info_.class_names = vocabulary.names();
  } else {
    tokens_ = std::move(bytes);
  }
  const i64 count = std::visit([](const auto& tokens) { return std::ssize(tokens); }, tokens_);
  WEFT_CHECK(count > context, "text: {} has {} {}; more than the context of {} are required",
             source.path, count, enum_name(source.tokens), context);
  samples_ = (count - context - 1) / stride_ + 1;
  const bool each = source.targets == TextTargets::each;
  info_.name = std::filesystem::path(source.path).filename().string();
  info_.split = split;
  info_.sample = {context};
  info_.sample_dtype = DType::int64;
  info_.target = {each ? context : 1};
  info_.overlaps = true;
  info_.shared_targets = each ? (context - 1) / stride_ : 0;
}

void Text::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, samples_);
  const i64 context = info_.sample[0], targets = info_.target[0];
  std::visit(
      [&](const auto& tokens) {
        const auto* window = tokens.data() + index * stride_;
        std::copy_n(window, context, static_cast<i64*>(sample));
        std::copy_n(window + context + 1 - targets, targets, static_cast<i64*>(target));
      },
      tokens_);
}

std::vector<i64> tokens_in_file(const std::string& path,
                                const std::vector<std::string>& vocabulary) {
  const std::vector<u8> bytes = bytes_of_file(path);
  if (vocabulary.empty()) return {bytes.begin(), bytes.end()};
  const std::vector<i32> tokens = Vocabulary::of_names(vocabulary, "text: the model")
                                      .tokens_of(characters_of(bytes, path), path);
  return {tokens.begin(), tokens.end()};
}

void keep_vocabulary(DataRecipe& recipe, const std::vector<std::string>& class_names) {
  const auto* given = recipe.options_if<TextSource>();
  if (given == nullptr || given->tokens != TextTokens::characters) return;
  TextSource source = *given;
  source.vocabulary = class_names;
  recipe = text(source);
}

void describe(Fields& f, TextSource& o) {
  f("path", o.path, "text file, relative to the config or to the working directory",
    required(is_path));
  f("test_path", o.test_path, "text file for the test; empty: none", is_path);
  f("tokens", o.tokens,
    "what is a token: a byte, or a character of a text in UTF-8, with a class for each one of the "
    "file");
  f("context", o.context, "tokens from which the next one is predicted", at_least(1));
  f("stride", o.stride, "tokens from the beginning of a sample to that of the next", at_least(1));
  f("targets", o.targets,
    "what is predicted: the token behind the sample, or that behind each of its positions");
}

static const bool registered = Registry<Dataset>::add<TextSource>("text", [](const TextSource& o) {
  const auto train = std::make_shared<Text>(o);
  TrainAndTest result{train, nullptr, place_of(o.path)};
  if (o.test_path.empty()) return result;
  TextSource test = o;
  test.path = o.test_path;
  test.vocabulary = train->info().class_names;
  result.test = std::make_shared<Text>(test, "test");
  return result;
});

DataRecipe text(const TextSource& options) { return DataRecipe::of("text", options); }

}  // namespace weft::data
