// SPDX-License-Identifier: Apache-2.0
#include "weft/data/text.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "weft/data/normalize.h"
#include "weft/data/sources.h"
#include "weft/data/subset.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

struct Window {
  std::string context;
  i64 next = 0;
};
// Of bytes, with one target.
Window window_of(const Dataset& dataset, i64 index) {
  std::vector<i64> sample(static_cast<std::size_t>(dataset.info().sample.elements()));
  Window window;
  dataset.read(index, sample.data(), &window.next);
  for (const i64 byte : sample) window.context += static_cast<char>(byte);
  return window;
}

TEST(Text, IsEachWindowAndTheByteBehindIt) {
  const TempFolder folder;
  const std::string words = "\xc3\xa4h, weft\n";  // 10 bytes; two of them are one letter
  const Text text({.path = folder.write("words.txt", bytes_of(words)), .context = 3});
  ASSERT_EQ(text.size(), 7);
  for (i64 i = 0; i < text.size(); ++i) {
    const Window window = window_of(text, i);
    EXPECT_EQ(window.context, words.substr(static_cast<std::size_t>(i), 3));
    EXPECT_EQ(window.next, static_cast<u8>(words[static_cast<std::size_t>(i) + 3]));
  }
  EXPECT_EQ(text.info().name, "words.txt");
  EXPECT_EQ(text.info().sample, Shape{3});
  EXPECT_EQ(text.info().target, Shape{1});
  EXPECT_EQ(text.info().classes, 256);
  EXPECT_TRUE(text.info().has_tokens());
  EXPECT_THROW(window_of(text, 7), UserError);
  EXPECT_THROW(window_of(text, -1), UserError);
  EXPECT_TRUE(statistics_of(text).mean.empty());
}

// A line is no sample (docs/data.md).
TEST(Text, GoesOnAcrossLines) {
  const TempFolder folder;
  const Text text({.path = folder.write("lines.txt", bytes_of("ab\ncd\n")), .context = 3});
  ASSERT_EQ(text.size(), 3);
  EXPECT_EQ(window_of(text, 1).context, "b\nc");
  EXPECT_EQ(window_of(text, 1).next, 'd');
}

// No window of the training part has the target byte of a held-out window.
TEST(Text, HoldsOutItsTailWhateverTheSeed) {
  const TempFolder folder;
  const auto text = std::make_shared<Text>(TextSource{
      .path = folder.write("a.txt", bytes_of("abcdefghijklmnopqrstuvwx")), .context = 4});
  for (const u64 seed : {1u, 2u}) {
    const ValidationSplit split = hold_out(text, 0.25, seed);
    ASSERT_EQ(split.train->size(), 15);
    ASSERT_EQ(split.validation->size(), 5);
    EXPECT_EQ(window_of(*split.train, 0).context, "abcd");
    EXPECT_EQ(window_of(*split.train, 14).next, 's');
    for (i64 i = 0; i < 5; ++i) EXPECT_EQ(window_of(*split.validation, i).next, 't' + i);
  }
  EXPECT_EQ(some_samples(text, 6, 1)->size(), 6);
}

TEST(Text, SaysWhatIsWrongWithItsFileInOneSentence) {
  const TempFolder folder;
  const auto message = [&](const std::filesystem::path& path, i64 context = 4) {
    return user_error_of([&] { Text({.path = path, .context = context}); });
  };
  const std::string root = folder.path().string();
  EXPECT_EQ(message(folder.path() / "none.txt"),
            "text: " + root + "/none.txt does not exist; a file of text is required (data.path)");
  EXPECT_EQ(
      message(folder.path()),
      "text: " + root + " is a folder, not a regular file; a file of text is required (data.path)");
  EXPECT_CONTAINS(message("/dev/zero"), "is a device, not a regular file");
  ASSERT_EQ(mkfifo((root + "/pipe").c_str(), 0600), 0);
  EXPECT_CONTAINS(message(folder.path() / "pipe"), "is a pipe, not a regular file");
  EXPECT_EQ(
      message(folder.write("empty.txt", {})),
      "text: " + root + "/empty.txt is empty; a file longer than the context of 4 is required");
  EXPECT_EQ(message(folder.write("short.txt", bytes_of("abcd"))),
            "text: " + root + "/short.txt has 4 bytes; more than the context of 4 are required");
  EXPECT_EQ(Text({.path = folder.write("enough.txt", bytes_of("abcde")), .context = 4}).size(), 1);
  EXPECT_EQ(message(folder.path() / "enough.txt", 0), "text: context is 0; at least 1 is required");
  EXPECT_EQ(user_error_of([&] { Text({.path = root + "/enough.txt", .context = 1, .stride = 0}); }),
            "text: stride is 0; at least 1 is required");
  EXPECT_CONTAINS(user_error_of([] { text({.path = "a.txt", .context = 0}); }), "context");
  EXPECT_CONTAINS(user_error_of([] { text({.path = "a.txt", .stride = 0}); }), "stride");
}

// A sample and its targets, as the text that they stand for.
std::pair<std::string, std::string> characters_in(const Dataset& dataset, i64 index) {
  const DatasetInfo& info = dataset.info();
  std::vector<i64> sample(static_cast<std::size_t>(info.sample.elements())),
      target(static_cast<std::size_t>(info.target.elements()));
  dataset.read(index, sample.data(), target.data());
  const auto text = [&](const std::vector<i64>& tokens) {
    std::string all;
    for (const i64 token : tokens) all += info.class_names.at(static_cast<std::size_t>(token));
    return all;
  };
  return {text(sample), text(target)};
}

TEST(Text, OfCharactersHasAClassForEachOneOfTheFile) {
  const TempFolder folder;
  const TextSource source{.path = folder.write("a.txt", bytes_of("\xef\xbb\xbf"
                                                                 "aß€😀a\nb")),
                          .tokens = TextTokens::characters,
                          .context = 2};
  const Text text(source);
  EXPECT_EQ(text.info().class_names, (std::vector<std::string>{"\n", "a", "b", "ß", "€", "😀"}));
  EXPECT_EQ(text.info().classes, 6);
  ASSERT_EQ(text.size(), 5);
  EXPECT_EQ(characters_in(text, 0), (std::pair<std::string, std::string>{"aß", "€"}));
  EXPECT_EQ(characters_in(text, 4), (std::pair<std::string, std::string>{"a\n", "b"}));
}

TEST(Text, HasAWindowForEachStrideAndATargetForEachPosition) {
  const TempFolder folder;
  TextSource source{.path = folder.write("a.txt", bytes_of("abcdefghij")),
                    .tokens = TextTokens::characters,
                    .context = 3,
                    .stride = 2,
                    .targets = TextTargets::each};
  const Text text(source);
  ASSERT_EQ(text.size(), 4);
  EXPECT_EQ(text.info().target, Shape{3});
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(characters_in(text, 0), (Pair{"abc", "bcd"}));
  EXPECT_EQ(characters_in(text, 1), (Pair{"cde", "def"}));
  EXPECT_EQ(characters_in(text, 3), (Pair{"ghi", "hij"}));
  source.stride = 7;  // exactly one window more would need one more character
  EXPECT_EQ(Text(source).size(), 1);
  source.stride = 6;
  EXPECT_EQ(characters_in(Text(source), 1), (Pair{"ghi", "hij"}));
  source.targets = TextTargets::next;
  source.stride = 3;
  EXPECT_EQ(characters_in(Text(source), 2), (Pair{"ghi", "j"}));
}

// A target of a held-out sample is a target of no training sample, whatever the stride.
TEST(Text, LeavesOutWhatSharesTargetsWithTheHeldOutPart) {
  const TempFolder folder;
  const std::string path = folder.write("a.txt", bytes_of("abcdefghijklmnopqrstuvwxyz"));
  for (const i64 stride : {1, 2, 3, 4, 5}) {
    const auto text = std::make_shared<Text>(TextSource{.path = path,
                                                        .tokens = TextTokens::characters,
                                                        .context = 4,
                                                        .stride = stride,
                                                        .targets = TextTargets::each});
    const ValidationSplit split = hold_out(text, 0.3, 1);
    const std::string last = characters_in(*split.train, split.train->size() - 1).second,
                      first = characters_in(*split.validation, 0).second;
    EXPECT_LT(last.back(), first.front()) << stride;
    EXPECT_LE(first.front() - last.back(), stride) << "more are left out than share targets";
  }
  const auto wide =
      std::make_shared<Text>(TextSource{.path = path, .context = 20, .targets = TextTargets::each});
  EXPECT_EQ(
      user_error_of([&] { hold_out(wide, 0.2, 1); }),
      "validation_split: 0.2 of the 6 samples of a.txt (train) is 1, and 19 before them share "
      "targets with them; at least one more for training is required");
}

TEST(Text, SaysWhichCharacterItDoesNotTake) {
  const TempFolder folder;
  const auto message = [&](const std::string& content, std::vector<std::string> vocabulary = {}) {
    const TextSource source{.path = folder.write("a.txt", bytes_of(content)),
                            .tokens = TextTokens::characters,
                            .context = 1,
                            .vocabulary = std::move(vocabulary)};
    return user_error_of([&] { Text{source}; });
  };
  const std::string path = (folder.path() / "a.txt").string();
  EXPECT_EQ(message("ab\xff"
                    "c"),
            "text: " + path +
                ": byte 2 is \\xff, which is not UTF-8; text in UTF-8, or "
                "data.tokens: bytes, is required");
  EXPECT_CONTAINS(message("ab\xe2\x82"), "byte 2 is \\xe2");       // cut off
  EXPECT_CONTAINS(message("a\xed\xa0\x80 b"), "byte 1 is \\xed");  // a surrogate
  EXPECT_CONTAINS(message(std::string("a\0b\0", 4)), "is UTF-16 or UTF-32");
  EXPECT_EQ(message("ab\nxß", {"a", "b", "\n", "x"}),
            "text: " + path +
                " line 2: the character 'ß' is not in the training text; one of its 4 "
                "characters is required");
  EXPECT_EQ(message("ab", {"a", "bc"}),
            "text: the run: token 1 of its vocabulary is 'bc'; one character in UTF-8 is required");
  EXPECT_CONTAINS(message("ab", {"a", ""}), "token 1 of its vocabulary is ''");
  EXPECT_CONTAINS(message("ab", {"a", "\xff"}), "token 1 of its vocabulary is '\\xff'");
  EXPECT_EQ(
      message("ab", {"a", "b", "a"}),
      "text: the run: tokens 0 and 2 of its vocabulary are both 'a'; different characters are "
      "required");
}

TEST(Text, TakesTheVocabularyOfTheTrainingTextForItsTest) {
  const TempFolder folder;
  TextSource source{.path = folder.write("a.txt", bytes_of("abcabc")),
                    .test_path = folder.write("b.txt", bytes_of("cbcb")),
                    .tokens = TextTokens::characters,
                    .context = 1};
  const TrainAndTest both = text(source).make();
  EXPECT_EQ(both.test->info().split, "test");
  EXPECT_EQ(both.test->info().class_names, both.train->info().class_names);
  EXPECT_EQ(characters_in(*both.test, 0), (std::pair<std::string, std::string>{"c", "b"}));
  source.test_path = folder.write("b.txt", bytes_of("abcd"));
  EXPECT_CONTAINS(user_error_of([&] { text(source).make(); }),
                  "the character 'd' is not in the training text");
}

}  // namespace
}  // namespace weft::data
