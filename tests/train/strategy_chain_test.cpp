// SPDX-License-Identifier: Apache-2.0
// Several strategies of one run: a list, or the same list written as a chain.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

using namespace testing_runs;  // NOLINT(google-build-using-namespace)
using Names = std::vector<std::string>;

Names heard;

struct ListenerOptions {
  std::string name = "listener";
};
void describe(Fields& f, ListenerOptions& o) { f("name", o.name, "what it writes"); }

class Listener final : public Strategy {
 public:
  explicit Listener(const ListenerOptions& options) : options_(options) {}
  void state(State& s) override { s("steps", steps_); }
  void on_setup(Trainer&) override { note("setup"); }
  void on_train_begin(Trainer&) override { note("train begin"); }
  void on_epoch_begin(Trainer&, i64) override { note("epoch begin"); }
  void on_epoch_end(Trainer&, const EpochResult&) override { note("epoch end"); }
  void on_step_begin(Trainer&, i64) override {
    ++steps_;
    note("step begin");
  }
  void on_batch_begin(Trainer&, const BatchInProgress&) override { note("batch begin"); }
  void on_batch_end(Trainer&, const Progress&) override { note("batch end"); }
  void on_gradients(Trainer&, double) override { note("gradients"); }
  void on_step_end(Trainer&, const optim::StepOutcome&) override { note("step end"); }
  void on_non_finite(Trainer&, const BatchInProgress&) override { note("non finite"); }
  void on_rebuild(Trainer&, const optim::RebuildReport&) override { note("rebuild"); }

 private:
  void note(const char* hook) { heard.push_back(options_.name + ": " + hook); }
  ListenerOptions options_;
  i64 steps_ = 0;
};
const bool registered =
    Registry<Strategy>::add<Listener, ListenerOptions>("listener_of_tests") &&
    Registry<data::Dataset>::add<NoOptions>(
        "tiny_for_chain", [](const NoOptions&) { return testing_models::tiny_splits(24); });

StrategyRecipe listener(const char* name, bool enabled = true) {
  StrategyRecipe recipe = StrategyRecipe::of("listener_of_tests", ListenerOptions{name});
  recipe.set_enabled(enabled);
  return recipe;
}

// Three steps an epoch.
constexpr const char* kListened = R"(
data: {type: tiny_for_chain, validation_split: 0}
model: {type: mlp, hidden: [5]}
train: {epochs: 1, batch_size: 8}
)";

class StrategyList : public InScratchFolder {
 protected:
  StrategyList() : InScratchFolder("strategy-list") {}

  RunConfig config(const std::string& name, const std::vector<StrategyRecipe>& strategies,
                   Names keys = {}) const {
    keys.push_back("run.dir=" + dir(name).string());
    RunConfig config = config::load_text<RunConfig>(kListened, "test.yaml", keys).value;
    config.strategy = strategies;
    return config;
  }
  // The state of the strategies in the checkpoint of a finished run.
  std::string saved(const std::vector<StrategyRecipe>& strategies) const {
    fs::remove_all(dir());
    Orchestrator(config("run", strategies), "test").train();
    const CheckpointReader checkpoint(dir() / "checkpoints/last");
    return checkpoint.has("strategy") ? checkpoint.part("strategy").json : "none";
  }
  // The hooks that are called in a run with a rebuild in its first epoch, and a first loss of the
  // second epoch that is not finite.
  Names heard_in(const std::vector<StrategyRecipe>& strategies) const {
    struct Rebuilds : Callback {
      void on_step_begin(Trainer& trainer, i64 step) override {
        if (step == 1) trainer.rebuild_optimizer_and_scheduler();
        if (step == 3) trainer.named_parameters()[0].variable.value().fill(std::nan(""));
      }
    };
    fs::remove_all(dir());
    heard.clear();
    Orchestrator run(config("run", strategies, {"train.epochs=2"}), "test");
    run.add_callback(std::make_shared<Rebuilds>());
    EXPECT_NE(run.train().failed, "");
    return heard;
  }
};

TEST_F(StrategyList, EveryHookIsHeardByEachInOrder) {
  ASSERT_TRUE(registered);
  Names hooks{"setup", "train begin", "epoch begin"};
  for (int step = 0; step < 3; ++step) {
    hooks.emplace_back("step begin");
    if (step == 1) hooks.emplace_back("rebuild");
    for (const char* hook : {"batch begin", "gradients", "step end", "batch end"})
      hooks.emplace_back(hook);
  }
  for (const char* hook : {"epoch end", "epoch begin", "step begin", "batch begin", "non finite"})
    hooks.emplace_back(hook);
  Names expected;
  for (const std::string& hook : hooks)
    for (const char* name : {"first: ", "second: "}) expected.push_back(name + hook);
  const StrategyRecipe first = listener("first"), second = listener("second");
  EXPECT_EQ(heard_in({first, second}), expected);
  EXPECT_EQ(heard_in({chain({.strategies = {first, second}})}), expected);
  EXPECT_EQ(heard_in({first, chain({.strategies = {chain({.strategies = {second}})}})}), expected);
  EXPECT_EQ(heard_in({first, listener("third", false), second}), expected);
}

TEST_F(StrategyList, EachHasItsStateUnderItsPlaceAndASingleOneDirectly) {
  const StrategyRecipe on = listener("on"), off = listener("off", false);
  const std::string both =
      R"({"0.listener_of_tests":{"steps":3},"1.listener_of_tests":{"steps":3}})";
  EXPECT_EQ(saved({on, on}), both);
  EXPECT_EQ(saved({chain({.strategies = {on, on}})}), both);
  EXPECT_EQ(saved({on}), R"({"steps":3})");
  EXPECT_EQ(saved({chain({.strategies = {on}})}), R"({"steps":3})");
  // An entry that is off keeps its place.
  EXPECT_EQ(saved({off, on}), R"({"1.listener_of_tests":{"steps":3}})");
  EXPECT_EQ(saved({on, off}), R"({"0.listener_of_tests":{"steps":3}})");
  EXPECT_EQ(saved({chain({.strategies = {off, on}})}), R"({"1.listener_of_tests":{"steps":3}})");
  EXPECT_EQ(saved({off, off}), "none");
  EXPECT_EQ(saved({}), "none");
}

// The checkpoint of a run that was stopped at its second batch gets the state of strategies that
// 6e903a6 saved for the same config.
void write_as_before(const RunConfig& config, const fs::path& folder, const std::string& state) {
  const CheckpointReader reader(folder);
  StateParts parts;
  for (const std::string& name : reader.parts()) parts[name] = reader.part(name);
  parts["strategy"].json = state;
  CheckpointAbout about = reader.about();
  about.config = config::to_yaml(config);
  Snapshot snapshot;
  TensorMap tensors;
  snapshot.add(kModelFile, read_safetensors(reader.file(kModelFile)),
               read_safetensors_metadata(reader.file(kModelFile)));
  snapshot.add(kTrainerStateFile, trainer_state_text(about, parts, tensors));
  snapshot.add(kOptimizerFile, std::move(tensors));
  fs::remove_all(folder);
  snapshot.write(folder);
}

// A chain of one stores the state of its only strategy in the form of a list, and a chain inside a
// chain that of its entries inside its own.
TEST_F(StrategyList, ChainsThatAnOlderRunHadGoOn) {
  const StrategyRecipe one = listener("one"), two = listener("two"), three = listener("three");
  struct Case {
    std::vector<StrategyRecipe> strategies;
    std::string before, end;
  };
  const auto state = [&](const std::string& place, int n) {
    return fmt::format(R"("{}.listener_of_tests":{{"steps":{}}})", place, n);
  };
  for (const Case& each :
       {Case{{chain({.strategies = {one}})}, "{" + state("0", 2) + "}", R"({"steps":3})"},
        Case{{chain({.strategies = {chain({.strategies = {one}})}})},
             R"({"0.chain":{)" + state("0", 2) + "}}",
             R"({"steps":3})"},
        Case{{chain({.strategies = {one, chain({.strategies = {two, three}})}})},
             "{" + state("0", 2) + R"(,"1.chain":{)" + state("0", 2) + "," + state("1", 7) + "}}",
             "{" + state("0", 3) + "," + state("1", 3) + "," + state("2", 8) + "}"}}) {
    fs::remove_all(dir());
    ASSERT_TRUE(stopped_at(config("run", each.strategies), 2));
    write_as_before(config("run", each.strategies), fs::canonical(dir() / "checkpoints/last"),
                    each.before);
    RunConfig again = config("run", each.strategies);
    again.resume.from = "auto";
    Orchestrator(again, "test").train();
    EXPECT_EQ(CheckpointReader(dir() / "checkpoints/last").part("strategy").json, each.end);
  }
}

TEST(StrategyChain, ItsOldStateIsThatOfAList) {
  const Tensor a = Tensor::full({1}, 1.0), b = Tensor::full({1}, 2.0), c = Tensor::full({1}, 3.0);
  const StateRecord list = unchained(StateRecord{
      R"({"0.x":{"t":"a"},"1.chain":{"0.chain":{"0.y":{}},"1.x":{"t":"b"}},"2.z":{"t":"c"}})",
      {{"0.x.t", a}, {"1.chain.1.x.t", b}, {"2.z.t", c}}});
  EXPECT_EQ(list.json, R"({"0.x":{"t":"a"},"1.y":{},"2.x":{"t":"b"},"3.z":{"t":"c"}})");
  ASSERT_EQ(list.tensors.size(), 3u);
  EXPECT_EQ(list.tensors.at("0.x.t").raw(), a.raw());
  EXPECT_EQ(list.tensors.at("2.x.t").raw(), b.raw());
  EXPECT_EQ(list.tensors.at("3.z.t").raw(), c.raw());
  const StateRecord own{R"({"chain":{"0.x":{}}})"};  // the state of a single strategy
  EXPECT_EQ(unchained(own).json, own.json);
}

TEST(StrategyChain, IsAnotherWayToWriteAList) {
  const auto names = [](const std::vector<StrategyRecipe>& strategies) {
    std::string text;
    for (const StrategyRecipe& each : unchained(strategies))
      text += each.options_if<ListenerOptions>()->name + (each.enabled() ? " " : "(off) ");
    return text;
  };
  const StrategyRecipe a = listener("a"), b = listener("b"), c = listener("c"),
                       off = listener("off", false);
  EXPECT_EQ(names({}), "");
  EXPECT_EQ(names({a, off}), "a off(off) ");
  EXPECT_EQ(names({chain({.strategies = {a, off, b}})}), "a off(off) b ");
  EXPECT_EQ(names({chain({.strategies = {a}})}), "a ");
  EXPECT_EQ(names({a, chain({.strategies = {b, chain({.strategies = {c, a}})}}), c}), "a b c a c ");
  StrategyRecipe chained = chain({.strategies = {b, off}});
  chained.set_enabled(false);
  EXPECT_EQ(names({a, chained}), "a b(off) off(off) ");
  EXPECT_THROW(chain({.strategies = {a, b}}).make(), UserError);
}

}  // namespace
}  // namespace weft::train
