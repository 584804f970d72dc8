// SPDX-License-Identifier: Apache-2.0
// Lists of choices by name: entries that are switched off, and lists that may be given as their one
// entry.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/core/registry.h"

namespace weft {
namespace config_lists {
namespace {

struct Voice {
  virtual ~Voice() = default;
};
struct Song {
  static constexpr const char* kKind = "song";
  virtual ~Song() = default;
};
struct Bird : Voice {};
struct Tune : Song {};

}  // namespace
}  // namespace config_lists

template <>
struct RegistryTraits<config_lists::Voice> : RegistryDefaults<config_lists::Voice> {
  static constexpr const char* kind = "voice";
  static constexpr bool can_be_disabled = true;
};

namespace config_lists {
namespace {

struct BirdOptions {
  i64 times = 1;
};
void describe(Fields& f, BirdOptions& o) { f("times", o.times, "how often", at_least(1)); }

struct Config {
  std::vector<Recipe<Voice>> voice = {};
  std::vector<Recipe<Voice>> choir = {};
  Recipe<Song> song = Recipe<Song>::of("tune");
};
void describe(Fields& f, Config& c) {
  f("voice", c.voice, "who sings", one_or_several);
  f("choir", c.choir, "who sings along");
  f("song", c.song, "what is sung");
}

const bool registered = Registry<Voice>::add<Bird, BirdOptions>("wren") &&
                        Registry<Voice>::add<Bird, BirdOptions>("robin") &&
                        Registry<Song>::add<Tune>("tune");

Config parsed(std::string_view yaml, const std::vector<std::string>& overrides = {}) {
  return config::load_text<Config>(yaml, "a.yaml", overrides).value;
}
std::string refusal(std::string_view yaml) {
  try {
    parsed(yaml);
  } catch (const config::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}
i64 times(const Recipe<Voice>& voice) { return voice.options_if<BirdOptions>()->times; }

TEST(ConfigLists, EveryEntryOfAKindThatAsksForItHasASwitch) {
  ASSERT_TRUE(registered);
  const Config config = parsed("choir: [{type: wren, times: 2, enabled: false}, robin]");
  ASSERT_EQ(config.choir.size(), 2u);
  EXPECT_FALSE(config.choir[0].enabled());
  EXPECT_EQ(times(config.choir[0]), 2);
  EXPECT_TRUE(config.choir[1].enabled());
  EXPECT_TRUE(parsed("", {"choir=[{type: wren, enabled: true}]"}).choir[0].enabled());
  EXPECT_EQ(refusal("choir: [{type: wren, enabled: maybe}]"),
            "a.yaml:1:22: choir[0].enabled: expected true or false, got 'maybe'");
  EXPECT_EQ(refusal("choir: [{type: wren, enable: false}]"),
            "a.yaml:1:22: choir[0].enable: expected a key of voice 'wren' (type, times, enabled), "
            "got 'enable'; did you mean 'enabled'?");
  EXPECT_EQ(refusal("song: {type: tune, enabled: false}"),
            "a.yaml:1:20: song.enabled: expected a key of song 'tune' (type), got 'enabled'");
}

TEST(ConfigLists, ASwitchIsPrintedWhereItIsOff) {
  const Config config = parsed("choir: [{type: wren, enabled: false}, robin]");
  EXPECT_EQ(config::to_yaml(config), R"(voice: null
choir:
  - type: wren
    times: 1
    enabled: false
  - type: robin
    times: 1
song:
  type: tune
)");
  EXPECT_EQ(config::to_yaml(parsed(config::to_yaml(config))), config::to_yaml(config));
  EXPECT_TRUE(
      config::differences(parsed("choir: [wren]"), parsed("choir: [{type: wren, enabled: true}]"))
          .empty());
  const auto changed =
      config::differences(parsed("choir: [wren]"), parsed("choir: [{type: wren, enabled: false}]"));
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].before, "[{type: wren, times: 1}]");
  EXPECT_EQ(changed[0].after, "[{type: wren, times: 1, enabled: false}]");
}

TEST(ConfigLists, TheSchemaShowsTheSwitchOfEachEntry) {
  EXPECT_EQ(
      config::schema<Config>(),
      R"(voice: null  # a section or name of voice (robin, wren), a list of these, or null; who sings
  # type: robin
  # times: 1  # an integer of at least 1; how often
  # enabled: true  # true or false; false: as if the entry were not there
  # type: wren
  # times: 1  # an integer of at least 1; how often
  # enabled: true  # true or false; false: as if the entry were not there
choir: []  # a list of voice entries (robin, wren); who sings along
  # type: robin
  # times: 1  # an integer of at least 1; how often
  # enabled: true  # true or false; false: as if the entry were not there
  # type: wren
  # times: 1  # an integer of at least 1; how often
  # enabled: true  # true or false; false: as if the entry were not there
song:  # a section or name of song (tune); what is sung
  type: tune  # one of tune
)");
}

TEST(ConfigLists, OneEntryMayStandForTheList) {
  for (const char* yaml : {"voice: wren", "voice: {type: wren}", "voice: [wren]",
                           "voice: [{type: wren, times: 1}]", "voice:\n  - type: wren"}) {
    const Config config = parsed(yaml);
    ASSERT_EQ(config.voice.size(), 1u) << yaml;
    EXPECT_EQ(config.voice[0].name(), "wren");
    EXPECT_EQ(config::to_yaml(config),
              "voice:\n  type: wren\n  times: 1\nchoir: []\nsong:\n  type: tune\n");
    EXPECT_TRUE(config::differences(config, parsed("voice: wren")).empty()) << yaml;
  }
  for (const char* yaml : {"", "voice: null", "voice: []"}) {
    EXPECT_TRUE(parsed(yaml).voice.empty()) << yaml;
    EXPECT_TRUE(config::differences(parsed(yaml), parsed("")).empty()) << yaml;
  }
  EXPECT_TRUE(parsed("voice: wren", {"voice=null"}).voice.empty());
  EXPECT_EQ(times(parsed("voice: wren", {"voice.times=3"}).voice[0]), 3);

  const Config both = parsed("voice: [wren, {type: robin, times: 2}]");
  ASSERT_EQ(both.voice.size(), 2u);
  EXPECT_EQ(times(both.voice[1]), 2);
  EXPECT_EQ(config::to_yaml(both), R"(voice:
  - type: wren
    times: 1
  - type: robin
    times: 2
choir: []
song:
  type: tune
)");
  EXPECT_FALSE(config::differences(both, parsed("voice: wren")).empty());
}

TEST(ConfigLists, TheOneEntryIsShownWithItsOrigins) {
  const auto loaded = config::load_text<Config>("voice:\n  - type: wren\n    times: 2\n", "a.yaml");
  EXPECT_EQ(config::to_yaml(loaded), R"(voice:
  type: wren  # a.yaml:2:5
  times: 2  # a.yaml:3:5
choir: []  # default
song:
  type: tune  # default
)");
}

TEST(ConfigLists, MistakesInTheOneEntryAreReportedAtTheirPlace) {
  EXPECT_EQ(
      refusal("voice: wrenn"),
      "a.yaml:1:1: voice.type: expected one of robin, wren, got 'wrenn'; did you mean 'wren'?");
  EXPECT_EQ(refusal("voice: {type: wren, times: 0}"),
            "a.yaml:1:21: voice.times: expected an integer of at least 1, got '0'");
  EXPECT_EQ(refusal("voice: [{type: wren, times: 0}]"),
            "a.yaml:1:22: voice.times: expected an integer of at least 1, got '0'");
  EXPECT_EQ(refusal("voice: [wren, {type: wren, times: 0}]"),
            "a.yaml:1:28: voice[1].times: expected an integer of at least 1, got '0'");
  EXPECT_EQ(refusal("voice: {}"),
            "a.yaml:1:1: voice: expected a type, one of robin, wren, got none");
  EXPECT_EQ(refusal("voice: [null]"),
            "a.yaml:1:9: voice: expected a section or name of voice (robin, wren), got null");
  EXPECT_EQ(
      refusal("voice:"),
      "a.yaml:1:1: voice: expected a section or name of voice (robin, wren), a list of these, "
      "or null, got an empty value; write [], or remove the key");
}

}  // namespace
}  // namespace config_lists
}  // namespace weft
