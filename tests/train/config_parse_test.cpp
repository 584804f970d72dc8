// SPDX-License-Identifier: Apache-2.0
// YAML itself: anchors, duplicate keys, marks, limits.
#include "weft/core/config/parse.h"

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
  EXPECT_EQ(refusal("- 1"), "a.yaml:1:1: expected keys with values (key: value)");
  EXPECT_EQ(refusal("hello"), "a.yaml:1:1: expected keys with values (key: value)");
  EXPECT_EQ(refusal("seed: 1\n---\nseed: 2").substr(0, 10), "a.yaml:2:1");
  EXPECT_EQ(refusal("seed: *nothing").substr(0, 26), "a.yaml:1:7: expected YAML:");
  EXPECT_EQ(refusal("\xef\xbb\xbfseed: 1"), "accepted");
  EXPECT_EQ(refusal("# nothing\n"), "accepted");
  EXPECT_EQ(refusal("seed: 1\r\nhidden: [2]\r\n"), "accepted");
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
  EXPECT_NE(refusal(laughs).find("expected at most 100000 values"), std::string::npos);
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
  EXPECT_TRUE(parse_yaml({yaml, "t"}, root, problems));
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
