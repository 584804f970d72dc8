// SPDX-License-Identifier: Apache-2.0
// The law of ranks: any number of processes makes the steps that one process makes with the whole
// batch (Note [Ranks]). The tests use f64, so that the order of sums does not matter.
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "weft/data/mix.h"
#include "weft/dist/process_group.h"
#include "weft/optim/adam.h"
#include "weft/tests/dist/ranks.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/step/rank_exchange.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

using dist::ProcessGroup;
using testing_models::tiny_images;

struct Case {
  std::string name;
  bool cnn = false;  // with batch norm; else an MLP
  double dropout = 0;
  bool augment = false, mix = false, unfreeze = false, skewed = false, adam = false;
  i64 accumulate = 1;
  double clip_norm = 0;
  i64 samples = 101, batch_size = 12;  // the last batch has 5 samples
  i64 epochs = 12;                     // 108 steps
  i64 bucket_mb = 25;
  bool shard = false, sync = true;
  bool gpu = false, capture = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {.name = "mlp", .dropout = 0.3, .clip_norm = 0.05},
      {.name = "cnn", .cnn = true, .dropout = 0.2, .augment = true},
      {.name = "mixed", .augment = true, .mix = true, .epochs = 6},
      {.name = "accumulated", .dropout = 0.3, .accumulate = 3, .clip_norm = 0.05, .epochs = 36},
      {.name = "unfrozen", .cnn = true, .unfreeze = true},
      // Labels of one class are ignored, and a batch holds one class: some ranks have no loss.
      {.name = "skewed", .skewed = true, .adam = true},
      // The last batch has one sample, so that all ranks but one have none.
      {.name = "short", .cnn = true, .samples = 97},
      {.name = "adam", .dropout = 0.3, .adam = true},
      {.name = "buckets", .dropout = 0.3, .bucket_mb = 0},
      {.name = "sharded",
       .dropout = 0.3,
       .adam = true,
       .clip_norm = 0.05,
       .bucket_mb = 0,
       .shard = true},
      {.name = "sharded_cnn", .cnn = true, .augment = true, .unfreeze = true, .shard = true},
      {.name = "sharded_skewed", .skewed = true, .accumulate = 2, .epochs = 24, .shard = true},
  };
  return all;
}

// On a GPU, which is emulated here, so that there are fewer steps.
const std::vector<Case>& gpu_cases() {
  static const std::vector<Case> all{
      {.name = "gpu", .dropout = 0.3, .clip_norm = 0.05, .epochs = 2, .gpu = true},
      {.name = "gpu_cnn", .cnn = true, .augment = true, .epochs = 2, .gpu = true},
      {.name = "gpu_skewed", .skewed = true, .adam = true, .epochs = 2, .gpu = true},
      {.name = "gpu_sharded",
       .cnn = true,
       .unfreeze = true,
       .adam = true,
       .clip_norm = 0.05,
       .epochs = 3,
       .bucket_mb = 0,
       .shard = true,
       .gpu = true},
      {.name = "captured",
       .dropout = 0.3,
       .clip_norm = 0.05,
       .epochs = 3,
       .gpu = true,
       .capture = true},
      {.name = "captured_cnn", .cnn = true, .epochs = 2, .gpu = true, .capture = true},
  };
  return all;
}

struct Outcome {
  std::vector<double> values;  // parameters, then buffers, then the loss of the last epoch
  i64 steps = 0;
};

Outcome train(const Case& c, ProcessGroup* group) {
  manual_seed(5);
  const nn::ModelInput input{Shape{4, 4, 1}, 3};
  nn::AnyModule model =
      c.cnn ? nn::cnn({.channels = {3, 4}, .hidden = 5, .dropout = c.dropout}).make(input)
            : nn::mlp({.hidden = {7, 6}, .dropout = c.dropout}).make(input);
  model->to(DType::f64);
  if (c.gpu) model->to(device_named("cuda"));
  data::LoaderOptions loading{.batch_size = c.batch_size, .shuffle = !c.skewed, .seed = 3};
  if (c.augment) loading.augment = {data::crop({.padding = 1}), data::flip()};
  if (c.mix) loading.mix = data::mixup();
  if (group != nullptr) loading.part = {group->rank(), group->size()};
  data::Loader loader(tiny_images(c.samples), loading);
  ClassificationOptions loss;
  if (c.skewed) loss.ignore_index = 1;
  TrainerOptions options{.optimizer = optim::sgd({.lr = 0.05, .momentum = 0.9}),
                         .epochs = c.epochs,
                         .accumulate = c.accumulate,
                         .clip_norm = c.clip_norm,
                         .capture = c.capture,
                         .seed = 9};
  if (c.adam) options.optimizer = optim::adam({.lr = 0.01});
  options.ranks = {.group = group,
                   .sync_batch_norm = c.sync,
                   .bucket_mb = c.bucket_mb,
                   .shard_optimizer = c.shard};
  Trainer trainer(*model, classification(loss), options);
  if (!c.mix) set_metrics(trainer, {"accuracy", "confusion_matrix", "perplexity"});
  if (c.unfreeze) {
    trainer.set_requires_grad("features.*", false);
    trainer.rebuild_optimizer_and_scheduler();
  }
  Outcome outcome;
  for (i64 epoch = 0; epoch < c.epochs; ++epoch) {
    if (c.unfreeze && epoch == c.epochs / 3) {
      trainer.set_requires_grad("features.*", true);
      trainer.rebuild_optimizer_and_scheduler();
    }
    const EpochResult result = trainer.train_one_epoch(loader);
    outcome.steps += result.steps;
    if (epoch + 1 == c.epochs) {
      outcome.values = trainer.optimizer().parameters().values().to_vector<double>();
      for (const nn::NamedBuffer& buffer : model->named_buffers())
        for (const double value : buffer.buffer->value.to(DType::f64).to_vector<double>())
          outcome.values.push_back(value);
      outcome.values.push_back(result.loss);
      if (const double own = trainer.progress().last_step.loss; std::isfinite(own))
        outcome.values.push_back(own);
      outcome.values.push_back(trainer.progress().last_step.epoch_loss);
      for (const auto& [name, value] : result.metrics) outcome.values.push_back(value);
      for (const auto& [name, table] : result.tables)
        for (const double count : table.to(DType::f64).to_vector<double>())
          outcome.values.push_back(count / static_cast<double>(c.samples));
      EXPECT_EQ(result.samples, c.samples);
    }
  }
  return outcome;
}

const Case& case_of(const std::string& name) {
  for (const auto* all : {&cases(), &gpu_cases()})
    for (const Case& c : *all)
      if (c.name == name) return c;
  static const Case unsynced{.name = "unsynced", .cnn = true, .epochs = 2, .sync = false};
  return unsynced;
}

TEST(LawProgram, DISABLED_Train) {
  std::signal(SIGPIPE, SIG_IGN);
  int code = 0;
  try {
    const auto launch = dist::launch_of([](const char* name) { return std::getenv(name); });
    const Case& c = case_of(std::getenv("WEFT_CASE"));
    ProcessGroup group(launch.value(), {.build_and_config = "law",
                                        .device = c.gpu ? device_named("cuda") : Device{Cpu{}}});
    const Outcome outcome = train(c, &group);
    std::ofstream file(std::string(std::getenv("WEFT_OUT")) + std::to_string(group.rank()),
                       std::ios::binary);
    file.write(reinterpret_cast<const char*>(outcome.values.data()),
               static_cast<std::streamsize>(outcome.values.size() * sizeof(double)));
    file.close();
    group.leave();
  } catch (const Error& error) {
    std::printf("error: %s\n", error.what());
    code = error.exit_code();
  }
  std::fflush(stdout);
  std::_Exit(testing::Test::HasFailure() ? 9 : code);
}

class Law : public testing::TestWithParam<std::string> {};

std::vector<double> doubles_in(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(a[i] - b[i], 2);
    norm += std::pow(a[i], 2);
  }
  return std::sqrt(difference / norm);
}

// The values of each rank.
std::vector<std::vector<double>> train_ranks(const std::string& name, i64 size) {
  const test_support::ScratchFolder scratch("law");
  const std::string folder = scratch.path().string() + "/";
  dist::Ranks ranks(size, "LawProgram.DISABLED_Train", {{"WEFT_CASE", name}, {"WEFT_OUT", folder}});
  std::vector<std::vector<double>> values;
  for (const auto& end : ranks.ends()) {
    const std::string rank = std::to_string(values.size());
    EXPECT_EQ(end.code, 0) << rank << " of " << size << ": " << end.output;
    values.push_back(doubles_in(folder + rank));
  }
  return values;
}

#ifdef WEFT_HAS_GLOO
TEST_P(Law, RanksMakeTheStepsOfOneProcess) {
  const Case& c = case_of(GetParam());
  const testing_models::Threads one(1);
  const Outcome whole = train(c, nullptr);
  EXPECT_GE(whole.steps, c.gpu ? 18 : c.mix ? 50 : 100);
  for (const i64 size : c.gpu ? std::vector<i64>{2, 3} : std::vector<i64>{2, 3, 4}) {
    const auto ranks = train_ranks(c.name, size);
    for (const std::vector<double>& values : ranks) {
      ASSERT_EQ(values.size(), whole.values.size());
      EXPECT_EQ(values, ranks.front()) << "the ranks have other bits";
      EXPECT_LT(distance(whole.values, values), 1e-12) << size << " ranks";
    }
  }
}

// So the law holds because of the common statistics, and the test would see it if it did not.
TEST(LawSlow, WithoutCommonStatisticsBatchNormIsAnother) {
  const testing_models::Threads one(1);
  const Outcome whole = train(case_of("unsynced"), nullptr);
  const auto ranks = train_ranks("unsynced", 2);
  ASSERT_EQ(ranks[0].size(), whole.values.size());
  EXPECT_GT(distance(whole.values, ranks[0]), 1e-4);
}
#endif

std::vector<std::string> names_of_cases() {
  std::vector<std::string> names;
  for (const Case& c : cases()) names.push_back(c.name);
  if (kHasCuda)
    for (const Case& c : gpu_cases()) names.push_back(c.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Slow, Law, testing::ValuesIn(names_of_cases()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace weft::train
