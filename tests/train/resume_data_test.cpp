// SPDX-License-Identifier: Apache-2.0
// The law of resuming for all ways to prepare samples: augmentation, weighted sampling, samples
// that cannot be read, and mixing, in all combinations and with 0 to 8 workers. The workers of the
// uninterrupted run, of the interrupted one and of its continuation all differ.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using Keys = std::vector<std::string>;

// tiny_images() of which each eleventh sample cannot be read.
class PartlyBroken : public data::Dataset {
 public:
  explicit PartlyBroken(i64 samples) : whole_(testing_models::tiny_images(samples)) {}
  i64 size() const override { return whole_->size(); }
  const data::DatasetInfo& info() const override { return whole_->info(); }
  void read(i64 index, void* sample, void* target) const override {
    if (index % 11 == 4) fail("{}.png is cut off", index);
    whole_->read(index, sample, target);
  }
  void read_target(i64 index, void* target) const override { whole_->read_target(index, target); }

 private:
  std::shared_ptr<const data::Dataset> whole_;
};
const bool registered_broken =
    Registry<data::Dataset>::add<NoOptions>("partly_broken", [](const NoOptions&) {
      return data::TrainAndTest{std::make_shared<PartlyBroken>(125), nullptr};
    });
const bool registered_sound =
    Registry<data::Dataset>::add<NoOptions>("tiny_for_resume_data", [](const NoOptions&) {
      return data::TrainAndTest{testing_models::tiny_images(125), nullptr};
    });

struct Preparation {
  bool augments = false, weights = false, skips = false, mixes = false;
  i64 workers = 0;
};

// For example "augment_skip_8_workers".
std::string name_of_preparation(const testing::TestParamInfo<Preparation>& info) {
  const Preparation& p = info.param;
  std::string name;
  for (const auto& [on, part] :
       {std::pair{p.augments, "augment_"}, std::pair{p.weights, "weighted_"},
        std::pair{p.skips, "skip_"}, std::pair{p.mixes, "mix_"}})
    if (on) name += part;
  return fmt::format("{}{}_workers", name, p.workers);
}

std::vector<Preparation> all_preparations(const std::vector<i64>& workers) {
  std::vector<Preparation> all;
  for (int choice = 0; choice < 16; ++choice)
    for (const i64 count : workers)
      all.push_back(
          {(choice & 1) != 0, (choice & 2) != 0, (choice & 4) != 0, (choice & 8) != 0, count});
  return all;
}

class ResumingData : public testing::TestWithParam<Preparation> {
 protected:
  RunConfig config(const std::string& name, i64 workers, Keys keys = {}) const {
    const Preparation& p = GetParam();
    keys.push_back("run.dir=" + (folder_.path() / name).string());
    keys.push_back(fmt::format("data.workers={}", workers));
    keys.push_back(p.skips ? "data.type=partly_broken" : "data.type=tiny_for_resume_data");
    if (p.skips) keys.emplace_back("data.bad_samples=skip");
    if (p.weights) keys.emplace_back("data.sampler={type: weighted, weights: [1, 2, 4]}");
    if (p.mixes) keys.emplace_back("data.mix={type: mixup, probability: 0.5}");
    if (p.augments)
      keys.emplace_back(
          "data.augment=[{type: crop, padding: 1}, flip, {type: affine, degrees: 10}]");
    return config::load_text<RunConfig>(R"(
run: {seed: 3}
data: {type: tiny_for_resume_data, validation_split: 0.2}
model: {type: mlp, hidden: [6]}
train: {epochs: 2, batch_size: 24}
checkpoint: {every: 2ba, keep_last: 2}
)",
                                        "test.yaml", keys)
        .value;
  }

 private:
  ScratchFolder folder_{"resume_data"};

 protected:
  fs::path dir(const std::string& name) const { return folder_.path() / name; }
};

TEST_P(ResumingData, GivesTheSameBytes) {
  const i64 workers = GetParam().workers;
  const Log log;  // of samples that cannot be read
  Orchestrator(config("whole", workers == 1 ? 0 : 1), "test").train();
  const auto expected = outcome_of(dir("whole"));
  for (const i64 batch : {3, 7}) {  // of 5 an epoch: inside the first epoch, and the second
    const std::string name = fmt::format("stopped-{}", batch);
    ASSERT_TRUE(stopped_at(config(name, workers), batch));
    Orchestrator(config(name, 8 - workers, {"resume=auto"}), "test").train();
    EXPECT_EQ(outcome_of(dir(name)), expected) << name;
  }
  EXPECT_EQ(log.has("another sample takes its place"), GetParam().skips);
}

INSTANTIATE_TEST_SUITE_P(
    Each, ResumingData,
    testing::Values(Preparation{.augments = true, .workers = 8},
                    Preparation{.weights = true, .workers = 3},
                    Preparation{.skips = true, .workers = 8},
                    Preparation{.augments = true, .weights = true, .skips = true, .workers = 0}),
    name_of_preparation);
INSTANTIATE_TEST_SUITE_P(SlowAll, ResumingData,
                         testing::ValuesIn(all_preparations({0, 1, 2, 5, 8})), name_of_preparation);

}  // namespace
}  // namespace weft::train
