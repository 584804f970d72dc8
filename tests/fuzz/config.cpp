// SPDX-License-Identifier: Apache-2.0
// Input: a config, then overrides, one a line. It is read into a struct with a value of each kind.
// What is read is printed, and then reads back equal. defaults may name base.yaml, cycle.yaml,
// data/a.yaml and data/b.yaml.
#include "weft/core/config/config.h"

#include "weft/core/registry.h"
#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {

struct Part {
  virtual ~Part() = default;
  static constexpr const char* kKind = "part";
};
struct Hook {
  virtual ~Hook() = default;
};

}  // namespace weft::fuzz

namespace weft {
template <>
struct RegistryTraits<fuzz::Hook> : RegistryDefaults<fuzz::Hook> {
  static constexpr const char* kind = "hook";
  static constexpr bool can_be_disabled = true;
};
}  // namespace weft

namespace weft::fuzz {
namespace {

enum class Mode { first, second };
constexpr EnumNames<2> names_of(Mode) { return {"first", "second"}; }

struct Stage {
  Duration at;
  std::vector<std::string> train;
  double factor = 1;
};
void describe(Fields& f, Stage& o) {
  f("at", o.at, "when", required());
  f("train", o.train, "globs", one_or_several);
  f("factor", o.factor, "of the rate", positive);
}

struct AOptions {
  double lr = 1e-3;
  std::vector<double> betas = {0.9, 0.999};
  std::optional<double> clip;
};
void describe(Fields& f, AOptions& o) {
  f("lr", o.lr, "learning rate", positive);
  f("betas", o.betas, "two factors", from_to_below(0, 1));
  f("clip", o.clip, "norm", non_negative);
}

struct BOptions {
  std::vector<Stage> stages;
  bool nested = false;
  Recipe<Part> inner = Recipe<Part>::of("a");
};
void describe(Fields& f, BOptions& o) {
  f("stages", o.stages, "what happens when");
  f("nested", o.nested, "whether inner is used");
  f("inner", o.inner, "another part");
}

struct PartA : Part {};
struct PartB : Part {};
struct HookA : Hook {};
const bool a_registered = Registry<Part>::add<PartA, AOptions>("a");
const bool b_registered = Registry<Part>::add<PartB, BOptions>("b");
const bool hook_registered = Registry<Hook>::add<HookA, Stage>("watch");

struct PartCommon {
  i64 workers = 1;
  double split = 0;
};
void describe(Fields& f, PartCommon& o) {
  f("workers", o.workers, "threads", in_range(0, 64));
  f("split", o.split, "held out", from_to_below(0, 1));
}

struct Section {
  i64 seed = 0;
  int threads = 0;
  bool deterministic = false, autotune = false;
  std::string dir;
  Mode mode = Mode::first;
  Duration every = "1ep";
  std::optional<i64> limit;
};
void describe(Fields& f, Section& o) {
  f("seed", o.seed, "of everything", non_negative);
  f("threads", o.threads, "of the CPU", non_negative);
  f("deterministic", o.deterministic, "refuse what is not");
  f("autotune", o.autotune, "time algorithms");
  f("dir", o.dir, "the folder");
  f("mode", o.mode, "one of two");
  f("every", o.every, "how often");
  f("limit", o.limit, "none, or a number", at_least(1));
  f.rule(!o.autotune || !o.deterministic, "autotune", "false where deterministic is true");
}

struct Config {
  Section run;
  RecipeWith<Part, PartCommon> data;
  Recipe<Part> model = Recipe<Part>::of("a");
  std::optional<std::string> task;
  std::vector<Recipe<Part>> chain;
  std::vector<Recipe<Hook>> hooks;
  std::vector<std::string> names;
};
void describe(Fields& f, Config& o) {
  f("run", o.run, "the run itself");
  f("data", o.data, "what to train on", required());
  f("model", o.model, "what to train");
  f("task", o.task, "sets model.type", one_of({"a", "b"}));
  f.sets_default("task", "model.type", [&] { o.model.choose(*o.task); });
  f("chain", o.chain, "several parts", one_or_several);
  f("hooks", o.hooks, "in this order");
  f("names", o.names, "texts");
}

void run_config(std::string_view input) {
  static const std::string name = [] {
    write("configs/base.yaml", "run: {seed: 3}\nnames: [x, y]\n");
    write("configs/cycle.yaml", "defaults: [cycle]\n");
    write("configs/data/a.yaml", "type: a\nlr: 0.5\n");
    return (write("configs/data/b.yaml", "type: b\n").parent_path().parent_path() / "it.yaml")
        .string();
  }();
  const std::vector<std::string> parts = parts_of(input, 2);
  const auto loaded = config::load_text<Config>(parts[0], name, lines_of(parts[1]));
  const std::string text = config::to_yaml(loaded.value);
  const auto again = config::load_text<Config>(text, name);
  WEFT_ASSERT(config::to_yaml(again.value) == text, "a config reads back as another:\n{}", text);
  WEFT_ASSERT(config::differences(loaded.value, again.value).empty(), "a difference appeared");
  (void)config::to_yaml(loaded);
}

const bool registered = add("config", run_config);

}  // namespace
}  // namespace weft::fuzz
