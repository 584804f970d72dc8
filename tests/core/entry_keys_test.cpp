// SPDX-License-Identifier: Apache-2.0
// Keys of an entry that would stand for another key of the same section.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/core/registry.h"
#include "weft/tests/support/message_of.h"

namespace weft {
namespace {

struct Fruit {
  static constexpr const char* kKind = "fruit";
};

}  // namespace

template <>
struct RegistryTraits<Fruit> : RegistryDefaults<Fruit> {
  static constexpr const char* kind = Fruit::kKind;
  static constexpr bool can_be_disabled = true;
};

namespace {

using test_support::message_of;

struct Stone {
  i64 size = 1;
  bool twice = false;
};
void describe(Fields& f, Stone& o) {
  f("size", o.size, "");
  if (o.twice) f("size", o.size, "");
}
// An entry that names the key NAME, and beside it `size`.
template <int kIndex>
struct Named {
  static constexpr const char* kName[] = {"sort", "type", "enabled", "size", "washed"};
  std::string value = "x";
  i64 size = 1;
};
template <int kIndex>
void describe(Fields& f, Named<kIndex>& o) {
  f("size", o.size, "")(Named<kIndex>::kName[kIndex], o.value, "");
}
struct WithStone {
  Stone stone{1, true};
};
void describe(Fields& f, WithStone& o) { f("stone", o.stone, ""); }
struct WithStones {
  std::vector<WithStone> stones = {};
};
void describe(Fields& f, WithStones& o) { f("stones", o.stones, ""); }

struct Basket {
  bool washed = false;
};
void describe(Fields& f, Basket& o) { f("washed", o.washed, ""); }
struct Shop {
  RecipeWith<Fruit, Basket> fruit;
  std::vector<Recipe<Fruit>> more = {};
};
void describe(Fields& f, Shop& o) { f("fruit", o.fruit, "")("more", o.more, ""); }

template <class Options>
void add_fruit(const char* name) {
  Registry<Fruit>::add<Options>(name, [](const Options&) { return std::make_unique<Fruit>(); });
}
const bool has_fruits = [] {
  add_fruit<NoOptions>("plum");
  const detail::OriginScope scope("libfruit.so");
  add_fruit<Named<0>>("sorted");
  add_fruit<Named<1>>("typed");
  add_fruit<Named<2>>("enabled");
  add_fruit<Named<3>>("sized");
  add_fruit<Named<4>>("washed");
  add_fruit<WithStone>("stone");
  add_fruit<WithStones>("stones");
  return true;
}();

std::string refusal_of_keys(const std::string& yaml) {
  return message_of([&] { config::load_text<Shop>(yaml, "a.yaml"); });
}

TEST(EntryKeys, ThatHideAnotherKeyAreRefusedWhereTheEntryIsUsed) {
  const std::string begin = "a.yaml:1:1: fruit: fruit '";
  EXPECT_EQ(refusal_of_keys("fruit: {type: sorted, sort: y, washed: true}"), "no error");
  EXPECT_EQ(refusal_of_keys("fruit: typed"),
            begin +
                "typed' of the plugin libfruit.so names the key 'type' that chooses the entry; "
                "another name is required");
  for (const char* key : {"enabled", "washed"})
    EXPECT_EQ(refusal_of_keys(fmt::format("fruit: {}", key)),
              fmt::format("{}{}' of the plugin libfruit.so names the key '{}' that every section "
                          "of fruit has; another name is required",
                          begin, key, key));
  EXPECT_EQ(refusal_of_keys("fruit: sized"),
            begin +
                "sized' of the plugin libfruit.so names the key 'size' twice; a name of its "
                "own for each value is required");
}

TEST(EntryKeys, OfOtherSectionsAreTheirs) {
  // `more` has no basket.
  EXPECT_EQ(refusal_of_keys("fruit: plum\nmore: [{type: washed, washed: x}]"), "no error");
  EXPECT_NE(
      refusal_of_keys("fruit: plum\nmore: [plum, enabled]").find("a.yaml:2:14: more[1]: fruit 'en"),
      std::string::npos)
      << refusal_of_keys("fruit: plum\nmore: [plum, enabled]");
  // An entry that no config names is no fault of the run.
  EXPECT_EQ(refusal_of_keys("fruit: plum"), "no error");
}

TEST(EntryKeys, AreLookedAtInSectionsOfTheEntryToo) {
  EXPECT_NE(refusal_of_keys("fruit: stone")
                .find("'stone' of the plugin libfruit.so names the key "
                      "'stone.size' twice"),
            std::string::npos)
      << refusal_of_keys("fruit: stone");
  EXPECT_NE(refusal_of_keys("fruit: stones").find("'stones.stone.size' twice"), std::string::npos)
      << refusal_of_keys("fruit: stones");
}

}  // namespace
}  // namespace weft
