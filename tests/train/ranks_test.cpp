// SPDX-License-Identifier: Apache-2.0
// Several ranks that train one model: an observer sums their gradients before the update reads
// them (docs/precision.md, "Several processes"). Ranks are threads here; nothing else is shared.
#include <array>
#include <barrier>
#include <thread>

#include <gtest/gtest.h>

#include "weft/tests/train/small_models.h"

namespace weft::train {
namespace {

constexpr int kRanks = 2;
constexpr i64 kSamples = 48, kBatch = 12;

// A communicator: the tensor of each rank becomes the mean over all ranks, summed in the order of
// the ranks.
class Group {
 public:
  void mean(int rank, const Tensor& mine) {
    tensors_[rank] = mine;
    together_.arrive_and_wait();
    std::vector<float> sum(static_cast<std::size_t>(mine.elements()));
    for (const Tensor& tensor : tensors_)
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += tensor.data<float>()[i] / kRanks;
    together_.arrive_and_wait();  // all ranks have read
    mine.copy_from(Tensor::copy_of(sum, mine.shape()));
  }

 private:
  Tensor tensors_[kRanks];
  std::barrier<> together_{kRanks};
};

class MeanOverRanks : public TrainerObserver {
 public:
  // A null group sums nothing.
  MeanOverRanks(Group* group, int rank) : group_(group), rank_(rank) {}
  bool needs_gradients(const Trainer&) const override { return true; }
  void on_gradients(Trainer& trainer, double) override {
    if (group_ != nullptr) group_->mean(rank_, trainer.optimizer().parameters().gradients());
  }
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override {
    scales.push_back(trainer.optimizers().loss_scaler()->scale());
    if (!outcome.applied) skipped.push_back(trainer.progress().steps_begun - 1);
  }
  std::vector<double> scales;
  std::vector<i64> skipped;

 private:
  Group* group_;
  int rank_;
};

// The samples of each batch that belong to the rank, one of `ranks`.
std::shared_ptr<const data::Dataset> part_of(int rank, int ranks) {
  const auto whole =
      std::dynamic_pointer_cast<const data::TensorDataset>(testing_models::tiny_images(kSamples));
  const i64 share = kBatch / ranks;
  const Tensor samples = Tensor::empty({kSamples / ranks, 4, 4, 1}, DType::uint8),
               targets = Tensor::empty({kSamples / ranks}, DType::int64);
  for (i64 batch = 0; batch < kSamples / kBatch; ++batch) {
    const i64 to = batch * share, from = batch * kBatch + rank * share;
    samples.slice(to, to + share).copy_from(whole->samples().slice(from, from + share));
    targets.slice(to, to + share).copy_from(whole->targets().slice(from, from + share));
  }
  return std::make_shared<data::TensorDataset>(whole->info(), samples, targets);
}

struct Outcome {
  std::vector<float> weights;
  std::vector<double> scales;
  std::vector<i64> skipped;
};

Outcome train(int rank, int ranks, Group* group, std::vector<i64> overflows) {
  const nn::AnyModule model = testing_models::tiny_mlp();
  data::Loader loader(part_of(rank, ranks), {.batch_size = kBatch / ranks, .workers = 0});
  Trainer trainer(*model, classification(),
                  {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}),
                   .epochs = 3,
                   .clip_norm = 0.5,
                   .precision = fp16({.init_scale = 1024, .growth_interval = 3})});
  testing_models::Overflow overflow(std::move(overflows));
  MeanOverRanks observer(group, rank);
  trainer.add_observer(overflow);
  trainer.add_observer(observer);
  for (int epoch = 0; epoch < 3; ++epoch) trainer.train_one_epoch(loader);
  return {trainer.optimizer().parameters().values().to_vector<float>(), observer.scales,
          observer.skipped};
}

// Steps 1 and 7 overflow on rank 1 alone.
std::array<Outcome, kRanks> train_ranks(Group* group) {
  const testing_models::Threads one(1);
  std::array<Outcome, kRanks> outcomes;
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < kRanks; ++rank)
    threads.emplace_back([&outcomes, group, rank] {
      outcomes[static_cast<std::size_t>(rank)] =
          train(rank, kRanks, group, rank == 1 ? std::vector<i64>{1, 7} : std::vector<i64>{});
    });
  threads.clear();  // joins
  return outcomes;
}

TEST(Ranks, AnOverflowOnOneIsAnOverflowOnAll) {
  Group group;
  const auto outcomes = train_ranks(&group);
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.skipped, (std::vector<i64>{1, 7}));
  EXPECT_EQ(outcomes[0].scales, outcomes[1].scales);
  EXPECT_EQ(outcomes[0].weights, outcomes[1].weights);
  // The result is that of one trainer with the batches of all ranks, except for rounding of halves.
  const Outcome whole = train(0, 1, nullptr, {1, 7});
  EXPECT_EQ(whole.scales, outcomes[0].scales);
  for (std::size_t i = 0; i < whole.weights.size(); ++i)
    EXPECT_NEAR(outcomes[0].weights[i], whole.weights[i], 2e-3);
}

// Without the sum, the ranks differ.
TEST(Ranks, WithoutASumEachGoesItsOwnWay) {
  const auto outcomes = train_ranks(nullptr);
  EXPECT_EQ(outcomes[0].skipped, std::vector<i64>{});
  EXPECT_EQ(outcomes[1].skipped, (std::vector<i64>{1, 7}));
  EXPECT_NE(outcomes[0].scales, outcomes[1].scales);
  EXPECT_NE(outcomes[0].weights, outcomes[1].weights);
}

}  // namespace
}  // namespace weft::train
