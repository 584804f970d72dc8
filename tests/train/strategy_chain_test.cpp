// SPDX-License-Identifier: Apache-2.0
// A chain hands everything on to each of its strategies, in their order.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/train/small_models.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

using namespace testing_models;  // NOLINT(google-build-using-namespace)

std::vector<std::string> heard;

struct ListenerOptions {
  std::string name = "listener";
  bool demands = false;
};
void describe(Fields& f, ListenerOptions& o) {
  f("name", o.name, "what it writes");
  f("demands", o.demands, "gradients and outcomes");
}
class Listener final : public Strategy {
 public:
  explicit Listener(const ListenerOptions& options) : options_(options) {}
  void on_setup(Trainer&) override { note("setup"); }
  void on_train_begin(Trainer&) override { note("train begin"); }
  void on_epoch_begin(Trainer&, i64) override { note("epoch begin"); }
  void on_epoch_end(Trainer&, const EpochResult&) override { note("epoch end"); }
  void on_step_begin(Trainer&, i64) override { note("step begin"); }
  void on_batch_begin(Trainer&, const BatchInProgress&) override { note("batch begin"); }
  void on_batch_end(Trainer&, const Progress&) override { note("batch end"); }
  void on_gradients(Trainer&, double) override { note("gradients"); }
  void on_step_end(Trainer&, const optim::StepOutcome&) override { note("step end"); }
  void on_step_settled(Trainer&) override { note("step settled"); }
  void on_non_finite(Trainer&, const BatchInProgress&) override { note("non finite"); }
  void on_rebuild(Trainer&, const optim::RebuildReport&) override { note("rebuild"); }
  bool needs_gradients(const Trainer&) const override { return options_.demands; }
  bool needs_outcome(const Trainer&) const override { return options_.demands; }

 private:
  void note(const char* hook) { heard.push_back(options_.name + ": " + hook); }
  ListenerOptions options_;
};
const bool registered = Registry<Strategy>::add<Listener, ListenerOptions>("listener_of_tests");

StrategyRecipe listener(const char* name, bool demands = false) {
  return StrategyRecipe::of("listener_of_tests", ListenerOptions{name, demands});
}

TEST(StrategyChain, HandsEveryHookToEach) {
  const nn::AnyModule model = tiny_mlp();
  Trainer trainer(*model, classification(), {});
  const auto chained = chain({.strategies = {listener("first"), listener("second")}}).make();
  const data::Batch batch;
  const BatchInProgress at{batch, 1, 1, 0, 0};
  const auto expect_both = [&](const std::string& hook) {
    EXPECT_EQ(heard, (std::vector<std::string>{"first: " + hook, "second: " + hook}));
    heard.clear();
  };
  heard.clear();
  chained->on_setup(trainer);
  expect_both("setup");
  chained->on_train_begin(trainer);
  expect_both("train begin");
  chained->on_epoch_begin(trainer, 0);
  expect_both("epoch begin");
  chained->on_epoch_end(trainer, {});
  expect_both("epoch end");
  chained->on_step_begin(trainer, 0);
  expect_both("step begin");
  chained->on_batch_begin(trainer, at);
  expect_both("batch begin");
  chained->on_batch_end(trainer, {});
  expect_both("batch end");
  chained->on_gradients(trainer, 1);
  expect_both("gradients");
  chained->on_step_end(trainer, {});
  expect_both("step end");
  chained->on_step_settled(trainer);
  expect_both("step settled");
  chained->on_non_finite(trainer, at);
  expect_both("non finite");
  chained->on_rebuild(trainer, {});
  expect_both("rebuild");
}

TEST(StrategyChain, NeedsWhatAnyOfItsStrategiesNeeds) {
  const nn::AnyModule model = tiny_mlp();
  const Trainer trainer(*model, classification(), {});
  const auto modest = chain({.strategies = {listener("first"), listener("second")}}).make();
  EXPECT_FALSE(modest->needs_gradients(trainer));
  EXPECT_FALSE(modest->needs_outcome(trainer));
  const auto demanding =
      chain({.strategies = {listener("first"), listener("second", true)}}).make();
  EXPECT_TRUE(demanding->needs_gradients(trainer));
  EXPECT_TRUE(demanding->needs_outcome(trainer));
}

std::string state_text(const StrategyRecipe& recipe) { return save_state(*recipe.make()).json; }

TEST(StrategyChain, LeavesOutWhatIsSwitchedOffAndKeepsThePlacesOfTheOthers) {
  StrategyRecipe off = freeze_batch_norm();
  off.set_enabled(false);
  const StrategyRecipe on = freeze_batch_norm();
  EXPECT_EQ(state_text(chain({.strategies = {off, on}})),
            R"({"1.freeze_batch_norm":{"frozen":false}})");
  EXPECT_EQ(state_text(chain({.strategies = {on, off}})),
            R"({"0.freeze_batch_norm":{"frozen":false}})");
}

TEST(StrategyChain, IsAnotherWayToWriteAListOfSeveral) {
  const StrategyRecipe first = listener("first"), second = listener("second");
  const auto names = [](const std::vector<StrategyRecipe>& strategies) {
    std::string text;
    for (const StrategyRecipe& each : strategies) text += each.name() + " ";
    return text;
  };
  EXPECT_EQ(names(unchained({chain({.strategies = {first, freeze_batch_norm()}})})),
            first.name() + " freeze_batch_norm ");
  // The one in it has its state in another form.
  EXPECT_EQ(names(unchained({chain({.strategies = {first}})})), "chain ");
  EXPECT_EQ(names(unchained({first, chain({.strategies = {first, second}})})),
            first.name() + " chain ");

  EXPECT_FALSE(as_one({}));
  EXPECT_EQ(as_one({first}).name(), first.name());
  const StrategyRecipe both = as_one({freeze_batch_norm(), freeze_batch_norm()});
  EXPECT_EQ(both.name(), "chain");
  EXPECT_EQ(state_text(both),
            state_text(chain({.strategies = {freeze_batch_norm(), freeze_batch_norm()}})));
  StrategyRecipe off = first;
  off.set_enabled(false);
  EXPECT_FALSE(as_one({off}));
  EXPECT_FALSE(as_one({off, off}));
  EXPECT_TRUE(as_one({off, first}));
}

}  // namespace
}  // namespace weft::train
