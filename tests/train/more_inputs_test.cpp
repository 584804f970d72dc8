// SPDX-License-Identifier: Apache-2.0
// A dataset of a config with two named inputs, as a plugin has it, and a trainer that takes them by
// name: in training, validation, test, a resume and `weft evaluate`.
#include <cstring>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/data/random.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/saved_run.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using Keys = std::vector<std::string>;

constexpr i64 kAttended = 6;

// Tokens of which attention.0 says which are read. The label is whether 1 occurs among those more
// often than 2; the others are 1 or 2 at random.
class AttendedTokens : public data::Dataset {
 public:
  AttendedTokens(std::string split, i64 size) : size_(size) {
    info_.name = "attended";
    info_.split = std::move(split);
    info_.sample = {kAttended};
    info_.sample_dtype = DType::int64;
    info_.classes = 2;
    info_.more = {{"attention", Tree<data::TensorInfo>::list({data::TensorInfo{{kAttended, 1}}})}};
  }
  i64 size() const override { return size_; }
  const data::DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override {
    const Sentence s = sentence(index);
    std::memcpy(sample, s.tokens, sizeof s.tokens);
    std::memcpy(target, &s.label, sizeof s.label);
  }
  void read_more(i64 index, std::span<std::byte* const> leaves) const override {
    const Sentence s = sentence(index);
    std::memcpy(leaves[0], s.attention, sizeof s.attention);
  }

 private:
  struct Sentence {
    i64 tokens[kAttended], label = 0;
    float attention[kAttended];
  };
  Sentence sentence(i64 index) const {
    data::Random random{data::key_of(data::number_of(info_.split), static_cast<u64>(index))};
    Sentence s{};
    i64 balance = 0;
    for (i64 i = 0; i < kAttended; ++i) {
      s.tokens[i] = 1 + random.below(2);
      s.attention[i] = i == 0 || random.below(3) == 0 ? 1.0F : 0.0F;
      if (s.attention[i] > 0) balance += s.tokens[i] == 1 ? 1 : -1;
    }
    s.label = balance > 0;
    return s;
  }
  i64 size_;
  data::DatasetInfo info_;
};
const bool has_data =
    Registry<data::Dataset>::add<NoOptions>("attended_tokens", [](const NoOptions&) {
      return data::TrainAndTest{std::make_shared<AttendedTokens>("train", 400),
                                std::make_shared<AttendedTokens>("test", 100)};
    });

// Sums what it says of each token.
struct SumOfTokens : nn::Module {
  nn::Embedding table{3, 2};
  void parts(nn::Parts& p) override { p("table", table); }
  // The sum of (samples, positions, 2) over the positions.
  static Variable sum_of(const Variable& y) { return reshape(sum(y, 1), {y.shape()[0], 2}); }
  Variable forward(const Variable& x) override { return sum_of(table(x)); }
};
const bool has_model = Registry<nn::Model>::add<NoOptions>(
    "sum_of_tokens", [](const NoOptions&, const nn::ModelInput& input) {
      return nn::checked(SumOfTokens(), input, DType::int64);
    });

class Attending : public Trainer {
 public:
  Attending(const NoOptions&, const TrainerContext& c) : Trainer(c.model, c.loss, c.options) {}
  Variable outputs_of(const Variable& x, const TensorTree& more) override {
    auto& table = dynamic_cast<SumOfTokens&>(model()).table;
    return SumOfTokens::sum_of(table(x) * Variable(more["attention.0"]));
  }
};
const bool has_trainer = Registry<Trainer>::add<Attending>("attending");

class MoreInputs : public InScratchFolder {
 protected:
  MoreInputs() : InScratchFolder("more_inputs") {}
  RunConfig config(const std::string& name, Keys keys = {}) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(R"(
run: {seed: 1}
data: {type: attended_tokens, validation_split: 0.25, workers: 2}
model: {type: sum_of_tokens}
trainer: {type: attending}
optimizer: {type: adamw, lr: 0.05, weight_decay: 0}
train: {epochs: 6, batch_size: 30}
)",
                                        "test.yaml", keys)
        .value;
  }
};

TEST_F(MoreInputs, ReachATrainerByNameWhereverItComputesOutputs) {
  Orchestrator run(config("run"), "test");
  const RunReport report = run.train();
  EXPECT_GT(report.validation->accuracy, 0.9);
  EXPECT_GT(report.test->accuracy, 0.9);
  const Evaluation saved = SavedRun(dir("run").string(), "last").evaluate("test");
  EXPECT_EQ(saved.loss, report.test->loss);
  EXPECT_EQ(saved.accuracy, report.test->accuracy);
  // The model alone reads all tokens.
  Orchestrator plain(config("plain", {"trainer={type: standard}"}), "test");
  EXPECT_LT(plain.train().test->accuracy, 0.85);
}

TEST_F(MoreInputs, AreTheSameAfterAResume) {
  Orchestrator(config("whole"), "test").train();
  ASSERT_TRUE(stopped_at(config("broken"), 14));
  Orchestrator(config("broken", {"resume=auto"}), "test").train();
  EXPECT_EQ(outcome_of(dir("broken")), outcome_of(dir("whole")));
}

// A batch that goes through the model in parts has the parts of each tensor.
TEST_F(MoreInputs, AreCutWithTheirBatch) {
  const AttendedTokens set("train", 40);
  const auto weights = [&](const std::string& parts) {
    manual_seed(1);
    nn::AnyModule model = SumOfTokens();
    model->to(DType::f64);
    const LossRecipe loss = classification();
    const TrainerOptions options{.optimizer = optim::sgd({.lr = 0.1})};
    Attending trainer({}, {.model = *model, .loss = loss, .options = options, .data = set.info()});
    trainer.set_epoch_length(3);
    StateRecord state = save_state(trainer);
    const std::string whole = "\"batch_parts\":1";
    const std::size_t at = state.json.find(whole);
    EXPECT_NE(at, std::string::npos) << state.json;
    state.json.replace(at, whole.size(), "\"batch_parts\":" + parts);
    load_state(trainer, state, "trainer");
    data::Loader loader(set, {.batch_size = 16});
    trainer.train_one_epoch(loader);
    EXPECT_EQ(trainer.counters().batch_parts, std::stoll(parts));
    return trainer.optimizer().parameters().values().to_vector<double>();
  };
  const std::vector<double> whole = weights("1"), cut = weights("3");
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(cut[i], whole[i], 1e-12);
}

TEST_F(MoreInputs, AreRefusedWhereXAloneWouldChange) {
  const AttendedTokens set("train", 40);
  nn::AnyModule model = SumOfTokens();
  Trainer trainer(*model, classification(), {});
  trainer.set_input_transform([](const Tensor& x) { return x; });
  data::Loader loader(set, {.batch_size = 16});
  try {
    trainer.train_one_epoch(loader);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "Trainer: a strategy changes x of samples that have more tensors ('attention.0'), "
                 "which it would not change alike; samples of x and target are required");
  }
}

}  // namespace
}  // namespace weft::train
