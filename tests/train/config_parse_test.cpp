// SPDX-License-Identifier: Apache-2.0
// YAML itself: anchors, duplicate keys, marks, limits.
#include "weft/core/config/parse.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"

namespace weft::config {
namespace {

using sample::parsed;
using sample::refusal;

TEST(ConfigParse, AliasesStandForTheirAnchorAndAreReportedWhereTheyAreUsed) {
  const auto config = parsed("seed: &n 5\ntrain: {epochs: *n, batch_size: *n}");
  EXPECT_EQ(config.train.epochs, 5);
  EXPECT_EQ(config.train.batch_size, 5);
  EXPECT_EQ(refusal("seed: &n -5\ntrain:\n  epochs: *n"),
            "a.yaml:3:3: train.epochs: expected an integer of at least 0, got '-5'");
  EXPECT_EQ(refusal("seed: &n -5\nhidden: [1, *n]"),
            "a.yaml:2:13: hidden[1]: expected an integer above 0, got '-5'");
}

TEST(ConfigParse, WhatCannotBeAKeyIsSaid) {
  EXPECT_EQ(refusal("[a]: 1"), "a.yaml:1:1: expected a text as key");
  EXPECT_EQ(refusal("train: {<<: {epochs: 1}}"),
            "a.yaml:1:9: train.<<: expected a key, got a merge key (<<), which is not supported");
  EXPECT_EQ(refusal("train: {epochs: 1, epochs: 2}"),
            "a.yaml:1:20: train.epochs: expected each key once, got 'epochs' again; it is also at "
            "a.yaml:1:9");
  EXPECT_EQ(refusal("seed: !!int 5"),
            "a.yaml:1:7: seed: expected no tag but !!str, got 'tag:yaml.org,2002:int'");
}

TEST(ConfigParse, WhatIsNoConfigIsSaid) {
  EXPECT_EQ(refusal("train: {epochs: 1"), "a.yaml:1:1: expected YAML: end of map flow not found");
  EXPECT_EQ(refusal("resume: \""), "a.yaml:1:9: resume: expected YAML: end of scalar not found");
  EXPECT_EQ(refusal("resume: '"), "a.yaml:1:9: resume: expected YAML: end of scalar not found");
  EXPECT_EQ(parsed("resume: \"\"").resume, "");
  EXPECT_EQ(refusal("- 1"), "a.yaml:1:1: expected keys with values (key: value)");
  EXPECT_EQ(refusal("hello"), "a.yaml:1:1: expected keys with values (key: value)");
  EXPECT_EQ(refusal("seed: 1\n---\nseed: 2").substr(0, 10), "a.yaml:2:1");
  EXPECT_EQ(refusal("seed: *nothing").substr(0, 26), "a.yaml:1:7: expected YAML:");
  EXPECT_EQ(refusal("\xef\xbb\xbfseed: 1"), "accepted");
  EXPECT_EQ(refusal("\xef\xbb\xbfseed: null").substr(0, 45),
            "a.yaml:1:1: seed: expected an integer, got nu");
  EXPECT_EQ(refusal("# nothing\n"), "accepted");
  EXPECT_EQ(refusal("seed: 1\r\nhidden: [2]\r\n"), "accepted");
}

std::string utf16(std::string_view text, bool little) {
  std::string wide;
  for (const char c : text) wide += little ? std::string{c, '\0'} : std::string{'\0', c};
  return wide;
}

TEST(ConfigParse, AFileInAnotherEncodingIsOneSentence) {
  using std::string_literals::operator""s;
  const std::string sentence =
      "a.yaml:1:1: expected UTF-8, got UTF-16 or UTF-32; save the file as UTF-8";
  EXPECT_EQ(refusal("\xff\xfe"s + utf16("seed: 1\n", true)), sentence);
  EXPECT_EQ(refusal("\xfe\xff"s + utf16("seed: 1\n", false)), sentence);
  EXPECT_EQ(refusal(utf16("seed: 1\n", true)), sentence);
  EXPECT_EQ(refusal(utf16("seed: 1\n", false)), sentence);
  EXPECT_EQ(refusal("\0\0\xfe\xff\0\0\0s"s), sentence);
  EXPECT_EQ(refusal("seed: 1\nresume: caf\xe9\n"),
            "a.yaml:2:12: expected UTF-8, got the byte \\xe9");
  EXPECT_EQ(parsed("resume: café 漢").resume, "café 漢");
}

TEST(ConfigParse, ControlCharactersAreRefusedOrShown) {
  EXPECT_EQ(
      refusal("seed: 1\nresume: \x1b[31mred\n"),
      "a.yaml:2:9: expected text, got the control character \\x1b; in quotes, \"\\x1b\" stands "
      "for it");
  EXPECT_EQ(refusal(std::string_view("seed: 1\0", 8)).substr(0, 12), "a.yaml:1:8: ");
  EXPECT_EQ(parsed("resume: \"\\x1b[31m\"").resume, "\x1b[31m");
  EXPECT_EQ(
      refusal("resume: \"a\\0b\""),
      "a.yaml:1:1: resume: expected text, got the text \"a\\x00b\"; a text without the character "
      "\\0 is required");
  // Escapes in quotes reach neither a message nor its line breaks.
  const std::string message = refusal("\"a\\x1b[2J\\nb\": 1\nseed: \"\\u009b\\u202e\"");
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1);
  EXPECT_NE(message.find("got 'a\\x1b[2J\\nb'"), std::string::npos) << message;
  EXPECT_NE(message.find("got the text \"\\u009b\\u202e\""), std::string::npos) << message;
  // The name of the file may hold them too.
  try {
    load_text<sample::Config>("seed: x", "a\x1b\nb.yaml");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 19), "a\\x1b\\nb.yaml:1:1: ");
  }
}

TEST(ConfigParse, AnAliasInItsOwnAnchorIsRefused) {
  EXPECT_NE(refusal("train: &a {epochs: *a}").find("an alias outside its own anchor"),
            std::string::npos);
}

TEST(ConfigParse, DepthSizeAndExpansionAreLimited) {
  const std::string deep = "seed: " + std::string(10000, '[');
  EXPECT_NE(refusal(deep).find("expected at most 64 levels"), std::string::npos);
  EXPECT_NE(refusal("resume: " + std::string(2 << 20, 'x')).find("at most 1048576 bytes"),
            std::string::npos);
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) laughs += (j ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  EXPECT_NE(refusal(laughs).find("expected at most 50000 values"), std::string::npos);
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 200; ++i)
    tower += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
             "]\n";
  EXPECT_NE(refusal(tower).find("expected at most 64 levels"), std::string::npos);
}

TEST(ConfigParse, EveryTruncationAndByteFlipOfAConfigEitherReadsOrIsRefused) {
  const std::string text =
      "seed: &s 5\nhidden: [1, *s]\noptimizer: {type: momentum, lr: \"1\"}\n"
      "callbacks:\n  - stopper\n  - {type: stopper, mode: 'max'}\ntrain: {clip_norm: ~} # end\n";
  for (std::size_t length = 0; length <= text.size(); ++length) refusal(text.substr(0, length));
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const int flipped : {1, 2, 8, 64, 128}) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ flipped);
      refusal(changed);  // anything but a ConfigError would escape and fail the test
    }
}

Node tree_of(std::string_view yaml) {
  Node root;
  std::vector<Problem> problems;
  Usage used;
  EXPECT_TRUE(parse_yaml({yaml, "t"}, root, problems, used));
  EXPECT_TRUE(problems.empty());
  return root;
}

TEST(ConfigParse, TellsEmptyFromNullAndQuotedFromPlain) {
  const Node root = tree_of("a:\nb: null\nc: ~\nd: ''\ne: x\nf: 'null'\ng:");
  EXPECT_TRUE(root.find("a")->is_empty_value());
  EXPECT_EQ(root.find("b")->text, "null");
  EXPECT_EQ(root.find("c")->text, "~");
  EXPECT_TRUE(root.find("d")->quoted);
  EXPECT_TRUE(root.find("d")->is(Node::Kind::scalar));
  EXPECT_FALSE(root.find("e")->quoted);
  EXPECT_TRUE(root.find("f")->is(Node::Kind::scalar));
  EXPECT_TRUE(root.find("g")->is_empty_value());
}

TEST(ConfigParse, ANullMayHaveAnAnchorAndAnEmptyValueMayBeforeANullKey) {
  const Node anchored = tree_of("a: &n null\nb: *n\nc: &m ~\nd: &k # why\n  NULL\ne: &j\nf: &i\n");
  for (const char* key : {"a", "b"}) EXPECT_EQ(anchored.find(key)->text, "null") << key;
  EXPECT_EQ(anchored.find("c")->text, "~");
  EXPECT_EQ(anchored.find("d")->text, "NULL");
  EXPECT_TRUE(anchored.find("e")->is_empty_value());
  EXPECT_TRUE(anchored.find("f")->is_empty_value());
  const Node empty = tree_of("a:\n\"null\": 1\nb:\nnullable: 1\nc: &x\nnulls: 2\n");
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(empty.find(key)->is_empty_value()) << key;
  EXPECT_TRUE(tree_of("a: {b: null, c: ~}").find("a")->find("c")->is(Node::Kind::null));
  EXPECT_EQ(tree_of("é: ü\na: [null,~]").find("a")->items[1].text, "~");
  EXPECT_EQ(parsed("train: {clip_norm: &n null}").train.clip_norm, std::nullopt);
}

TEST(ConfigParse, NodesKnowTheirPlaces) {
  const Node root = tree_of("a: 1\nb:\n  c: [x, y]");
  EXPECT_EQ(root.entries[1].place, (Place{"t", 2, 1}));
  const Node& b = root.entries[1].value;
  EXPECT_EQ(b.entries[0].place, (Place{"t", 3, 3}));
  EXPECT_EQ(b.entries[0].value.items[1].place, (Place{"t", 3, 10}));
  EXPECT_EQ(b.entries[0].place.to_string(), "t:3:3");
}

}  // namespace
}  // namespace weft::config
