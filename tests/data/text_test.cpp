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
Window window_of(const Dataset& dataset, i64 index) {
  std::vector<i64> sample(static_cast<std::size_t>(dataset.info().sample.elements()));
  Window window;
  dataset.read(index, sample.data(), &window.next);
  for (const i64 byte : sample) window.context += static_cast<char>(byte);
  return window;
}

TEST(Text, IsEachWindowAndTheByteBehindIt) {
  const TempFolder folder;
  const std::string words = "\xc3\xa4h, weft\n";  // 10 bytes, two of them one letter
  const Text text(folder.write("words.txt", bytes_of(words)), 3);
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

// The byte that a held-out window asks for is in no window of the training part.
TEST(Text, HoldsOutItsTailWhateverTheSeed) {
  const TempFolder folder;
  const auto text =
      std::make_shared<Text>(folder.write("a.txt", bytes_of("abcdefghijklmnopqrstuvwx")), 4);
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
    return user_error_of([&] { Text(path, context); });
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
  EXPECT_EQ(Text(folder.write("enough.txt", bytes_of("abcde")), 4).size(), 1);
  EXPECT_EQ(message(folder.path() / "enough.txt", 0), "text: context is 0; at least 1 is required");
  EXPECT_CONTAINS(user_error_of([] { text({.path = "a.txt", .context = 0}); }), "context");
}

}  // namespace
}  // namespace weft::data
