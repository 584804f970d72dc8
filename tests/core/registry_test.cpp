// SPDX-License-Identifier: Apache-2.0
#include "weft/core/registry.h"
#include "weft/tests/support/message_of.h"

#include <new>
#include <stdexcept>

#include <gtest/gtest.h>

namespace weft {
namespace {

struct Animal {
  static constexpr const char* kKind = "animal";
  virtual ~Animal() = default;
  virtual std::string says() const = 0;
};

struct DogOptions {
  int barks = 1;
  double volume = 0.5;
};
void describe(Fields& f, DogOptions& o) {
  f("barks", o.barks, "how often", at_least(1));
  f("volume", o.volume, "how loud", in_range(0, 1));
}
struct Dog : Animal {
  explicit Dog(DogOptions o) : options(o) {}
  std::string says() const override {
    std::string text;
    for (int i = 0; i < options.barks; ++i) text += "wuff";
    return text;
  }
  DogOptions options;
};
struct Cat : Animal {
  std::string says() const override { return "meow"; }
};

const bool dog_registered = Registry<Animal>::add<Dog, DogOptions>("dog");
const bool cat_registered = Registry<Animal>::add<Cat>("cat");

// A kind whose entries make values from a context.
struct Sum {
  i64 value;
};
struct SumOptions {
  i64 more = 0;
};
void describe(Fields& f, SumOptions& o) { f("more", o.more, "added"); }

}  // namespace

template <>
struct RegistryTraits<Sum> {
  static constexpr const char* kind = "sum";
  using Product = Sum;
  using Context = std::tuple<i64, const std::string&>;
};

namespace {

const bool sum_registered = Registry<Sum>::add<SumOptions>(
    "length", [](const SumOptions& o, i64 base, const std::string& text) {
      return Sum{o.more + base + static_cast<i64>(text.size())};
    });

using test_support::message_of;

TEST(Registry, MakesWhatTheOptionsSay) {
  auto recipe = Recipe<Animal>::of("dog", DogOptions{.barks = 2});
  EXPECT_EQ(recipe.name(), "dog");
  EXPECT_EQ(recipe.make()->says(), "wuffwuff");
  EXPECT_EQ(Recipe<Animal>::of("cat").make()->says(), "meow");
  EXPECT_EQ(recipe.options_if<DogOptions>()->barks, 2);
  EXPECT_EQ(recipe.options_if<NoOptions>(), nullptr);
}

TEST(Registry, CopiesOfARecipeAreIndependent) {
  auto one = Recipe<Animal>::of("dog", DogOptions{.barks = 2});
  auto other = one;
  other.choose("cat");
  EXPECT_EQ(one.make()->says(), "wuffwuff");
  EXPECT_EQ(other.make()->says(), "meow");
}

TEST(Registry, ChoosingTheSameEntryAgainKeepsTheOptions) {
  auto recipe = Recipe<Animal>::of("dog", DogOptions{.barks = 3});
  recipe.choose("dog");
  EXPECT_EQ(recipe.options_if<DogOptions>()->barks, 3);
}

TEST(Registry, FactoriesGetTheContext) {
  const std::string text = "four";
  EXPECT_EQ(Recipe<Sum>::of("length", SumOptions{.more = 100}).make(i64{10}, text).value, 114);
}

TEST(Registry, UnknownNamesListTheKnownOnesAndTheNearest) {
  EXPECT_EQ(message_of([] { Recipe<Animal>::of("dgo"); }),
            "animal: 'dgo' given; known: cat, dog; did you mean 'dog'?");
  const std::string message = message_of([] { registry_of("animals"); });
  EXPECT_EQ(message.substr(0, 40), "registry: 'animals' given; known: animal");
  EXPECT_TRUE(message.ends_with("; did you mean 'animal'?")) << message;
}

TEST(Registry, AnotherSpellingIsTheSameEntryAndIsNotListed) {
  Registry<Animal>::add_spelling("kat", "cat");
  EXPECT_EQ(Recipe<Animal>::of("kat").name(), "cat");
  EXPECT_EQ(registry_of("animal").canonical("kat"), "cat");
  EXPECT_EQ(registry_of("animal").canonical("dog"), "dog");
  EXPECT_EQ(registry_of("animal").names(), (std::vector<std::string>{"cat", "dog"}));
}

TEST(Registry, ANameIsTakenOnce) {
  EXPECT_EQ(
      message_of([] { Registry<Animal>::add<Cat>("cat"); }),
      "registry: animal 'cat' is taken by an entry that is built in; another name is required");
  Registry<Animal>::add_spelling("pussycat", "cat");
  const auto taken = [](const char* name) {
    return fmt::format(
        "registry: animal '{}' is taken by an entry that is built in; another name is required",
        name);
  };
  EXPECT_EQ(message_of([] { Registry<Animal>::add<Cat>("pussycat"); }), taken("pussycat"));
  EXPECT_EQ(message_of([] { Registry<Animal>::add_spelling("pussycat", "dog"); }),
            taken("pussycat"));
  EXPECT_EQ(message_of([] { Registry<Animal>::add_spelling("dog", "cat"); }), taken("dog"));
  EXPECT_EQ(registry_of("animal").canonical("pussycat"), "cat");
}

struct Tree {
  static constexpr const char* kKind = "tree";
};

TEST(Registry, AnEntryKnowsWhereItComesFrom) {
  Registry<Tree>::add<Tree>("oak");
  {
    const detail::OriginScope scope("libtrees.so");
    Registry<Tree>::add<Tree>("elm");
    Registry<Tree>::add_spelling("wych", "elm");
  }
  Registry<Tree>::add<Tree>("ash");
  EXPECT_EQ(registry_of("tree").origin("oak"), "");
  EXPECT_EQ(registry_of("tree").origin("elm"), "libtrees.so");
  EXPECT_EQ(registry_of("tree").origin("ash"), "");
  EXPECT_THROW(registry_of("tree").origin("fir"), UserError);
  for (const char* name : {"elm", "wych"})
    EXPECT_EQ(message_of([&] { Registry<Tree>::add<Tree>(name); }),
              fmt::format("registry: tree '{}' is taken by the plugin libtrees.so; another name is "
                          "required",
                          name));
}

TEST(Registry, ANameIsOneThatAConfigCanHave) {
  for (const char* name : {"", "a b", "a\nb", "a:b"})
    EXPECT_NE(message_of([&] {
                Registry<Animal>::add<NoOptions>(
                    name, [](const NoOptions&) { return std::unique_ptr<Animal>(); });
              }).find("a name of letters, digits, _, - and . is required"),
              std::string::npos)
        << name;
}

struct Odd {
  static constexpr const char* kKind = "odd";
};

TEST(Registry, WhatIsNoExceptionIsNamed) {
  Registry<Odd>::add<NoOptions>("seven", [](const NoOptions&) -> std::unique_ptr<Odd> {
    throw 7;  // NOLINT: as a careless author would
  });
  EXPECT_EQ(message_of([] { Recipe<Odd>::of("seven").make(); }),
            "odd 'seven': what makes it threw something that is no std::exception; an error of "
            "weft or a std::exception is required");
}

// What the factory of each entry throws, by the name of the entry.
struct Thrower {
  static constexpr const char* kKind = "thrower";
};
void add_throwers(const std::string& prefix) {
  using Made = std::unique_ptr<Thrower>;
  const auto add = [&](const char* name, auto factory) {
    Registry<Thrower>::add<NoOptions>(prefix + name, factory);
  };
  add("library", [](const NoOptions&) -> Made { throw std::out_of_range("no such row"); });
  add("number", [](const NoOptions&) -> Made { throw 7; });  // NOLINT: as a careless author would
  add("weft", [](const NoOptions&) -> Made { throw InternalError("its own sentence"); });
  add("memory", [](const NoOptions&) -> Made { throw std::bad_alloc(); });
}

TEST(Registry, WhatAPluginThrowsNamesEntryAndPlugin) {
  {
    const detail::OriginScope scope("libthrowers.so");
    add_throwers("its_");
  }
  add_throwers("own_");
  const auto make = [](const char* name) { Recipe<Thrower>::of(name).make(); };
  EXPECT_EQ(message_of([&] { make("its_library"); }),
            "thrower 'its_library' of the plugin libthrowers.so: no such row");
  EXPECT_NE(message_of([&] {
              make("its_number");
            }).find("thrower 'its_number' of the plugin libthrowers.so: what makes it threw "),
            std::string::npos);
  // An error of weft has its sentence and exit code, and too little memory is no mistake.
  EXPECT_EQ(message_of<InternalError>([&] { make("its_weft"); }), "its own sentence");
  EXPECT_THROW(make("its_memory"), std::bad_alloc);
  // What weft or the program throws is theirs.
  EXPECT_THROW(make("own_library"), std::out_of_range);
  EXPECT_NE(message_of([&] { make("own_number"); }).find("thrower 'own_number': what makes it"),
            std::string::npos);
}

TEST(Registry, OptionsAreCheckedAndOfTheRightType) {
  EXPECT_EQ(message_of([] { Recipe<Animal>::of("dog", DogOptions{.barks = 0, .volume = 2}); }),
            "dog: barks: expected an integer of at least 1, got 0; "
            "volume: expected a number from 0 to 1, got 2");
  EXPECT_THROW(Recipe<Animal>::of("dog", SumOptions{}), InternalError);
}

TEST(Registry, AnEmptyRecipeSaysWhatIsMissing) {
  Recipe<Animal> none;
  EXPECT_FALSE(none);
  EXPECT_EQ(message_of([&] { none.make(); }),
            "animal: none was chosen; a type is required, one of cat, dog");
}

TEST(Registry, ListsKindsNamesAndKeys) {
  const auto kinds = registered_kinds();
  EXPECT_NE(std::find(kinds.begin(), kinds.end(), "animal"), kinds.end());
  EXPECT_EQ(registry_of("animal").names(), (std::vector<std::string>{"cat", "dog"}));
  const auto rows = field_rows(registry_of("animal"), "dog");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].key, "barks");
  EXPECT_EQ(rows[0].expected, "an integer of at least 1");
  EXPECT_EQ(rows[1].value, "0.5");
  EXPECT_EQ(rows[1].help, "how loud");
}

}  // namespace
}  // namespace weft
