// SPDX-License-Identifier: Apache-2.0
// A step in which memory runs out is made again in smaller parts, with the same result.
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "weft/device/allocator.h"
#include "weft/device/machine_memory.h"
#include "weft/device/out_of_memory.h"
#include "weft/optim/adam.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

using testing_models::Threads;
using testing_models::tiny_images;
using testing_runs::Log;

// Limits the CPU's memory during its lifetime.
class MemoryLimit {
 public:
  MemoryLimit() = default;
  ~MemoryLimit() { set_cpu_memory_limit(machine_memory()); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
  // `bytes` is the limit above the memory in use now.
  void set(i64 bytes) { set_cpu_memory_limit(allocator_counters(Cpu{}).bytes_in_use + bytes); }
};

// Limits the memory from batch `batch` of epoch 2 on.
class Shortage : public TrainerObserver {
 public:
  Shortage(i64 batch, i64 bytes) : batch_(batch), bytes_(bytes) {}
  void on_batch_begin(Trainer&, const BatchInProgress& batch) override {
    if (batch.epoch == 2 && batch.batch_idx == batch_) limit_.set(bytes_);
  }

 private:
  i64 batch_, bytes_;
  MemoryLimit limit_;
};

struct Result {
  std::vector<double> weights, losses;
  i64 parts = 1, steps = 0, peak_bytes = 0;
};

// A model in f64 with dropout, whose activations take more memory than its weights. 172 samples
// give steps of 64, 64 and 44, from batches of 64 / accumulate.
Result train(i64 accumulate, TrainerObserver* observer = nullptr,
             OnOutOfMemory out_of_memory = OnOutOfMemory::split) {
  manual_seed(5);
  nn::AnyModule model =
      nn::mlp({.hidden = {16, 16}, .dropout = 0.3}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
  model->to(DType::f64);
  data::Loader loader(tiny_images(172), {.batch_size = 64 / accumulate, .workers = 0});
  Trainer trainer(*model, classification(),
                  {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}),
                   .epochs = 6,
                   .accumulate = accumulate,
                   .out_of_memory = out_of_memory,
                   .clip_norm = 1,
                   .seed = 9});
  if (observer != nullptr) trainer.add_observer(*observer);
  release_cached(Cpu{});
  reset_peak(Cpu{});
  const i64 before = allocator_counters(Cpu{}).bytes_in_use;
  Result result;
  for (i64 e = 0; e < 6; ++e) {
    const EpochResult epoch = trainer.train_one_epoch(loader);
    result.losses.push_back(epoch.loss);
    result.steps += epoch.steps;
  }
  result.parts = trainer.counters().batch_parts;
  result.peak_bytes = allocator_counters(Cpu{}).peak_bytes_in_use - before;
  result.weights = trainer.optimizer().parameters().values().to_vector<double>();
  return result;
}

void expect_equal(const Result& a, const Result& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.weights.size(); ++i) {
    difference += std::pow(a.weights[i] - b.weights[i], 2);
    norm += std::pow(a.weights[i], 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 1e-12);
  for (std::size_t i = 0; i < a.losses.size(); ++i) EXPECT_NEAR(a.losses[i], b.losses[i], 1e-12);
  EXPECT_EQ(a.steps, b.steps);
}

// Memory runs out at any point of forward or backward: in the first batch of a step, or in a later
// one, when gradients of earlier batches exist.
TEST(OutOfMemory, AStepInPartsIsTheSameStep) {
  for (const i64 accumulate : {1, 2}) {
    const Result whole = train(accumulate);
    EXPECT_EQ(whole.parts, 1);
    EXPECT_EQ(whole.steps, 18);
    std::set<i64> parts;
    for (i64 share = 96; share >= 12; share -= 4) {
      SCOPED_TRACE(fmt::format("accumulate {}, {} % of the memory", accumulate, share));
      Shortage shortage(2, whole.peak_bytes * share / 100);
      Log log;
      Result cut;
      try {
        cut = train(accumulate, &shortage);
      } catch (const OutOfMemory& error) {  // not even one sample fits
        EXPECT_NE(std::string(error.what()).find("one sample at a time"), std::string::npos);
        continue;
      }
      parts.insert(cut.parts);
      EXPECT_EQ(log.has("out of memory in step"), cut.parts > 1) << log.text();
      expect_equal(whole, cut);
    }
    EXPECT_TRUE(parts.contains(2) && parts.contains(4)) << parts.size();
  }
}

TEST(OutOfMemory, OfOneSampleIsAnError) {
  Shortage shortage(2, 2000);
  try {
    train(1, &shortage);
    FAIL() << "no error";
  } catch (const OutOfMemory& error) {
    const std::string message = error.what();
    EXPECT_EQ(
        message.rfind("train: memory does not suffice for one sample at a time (allocate: ", 0), 0u)
        << message;
  }
}

TEST(OutOfMemory, IsAnErrorWhereNothingElseWasAskedFor) {
  Shortage shortage(2, 2000);
  try {
    train(1, &shortage, OnOutOfMemory::error);
    FAIL() << "no error";
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(std::string(error.what()).rfind("allocate: ", 0), 0u) << error.what();
  }
}

// One thread is used. With more, most of the memory of such a small model is their scratch, which
// does not shrink with the batch.
TEST(OutOfMemory, TheNoticeSaysWhatBatchNormSees) {
  const Threads one(1);
  nn::AnyModule model = testing_models::tiny_cnn();
  data::Loader loader(tiny_images(48), {.batch_size = 24, .workers = 0});
  Trainer trainer(*model, classification(), {.epochs = 3, .out_of_memory = OnOutOfMemory::split});
  trainer.train_one_epoch(loader);
  release_cached(Cpu{});
  reset_peak(Cpu{});
  const i64 before = allocator_counters(Cpu{}).bytes_in_use;
  trainer.train_one_epoch(loader);
  const i64 peak = allocator_counters(Cpu{}).peak_bytes_in_use - before;
  Log log;
  MemoryLimit limit;
  limit.set(peak * 8 / 10);
  trainer.train_one_epoch(loader);
  EXPECT_GT(trainer.counters().batch_parts, 1) << log.text();
  EXPECT_TRUE(
      log.has("warning: out of memory in step 5: batches go through the model in 2 parts from "
              "here on; batch norm (features.1) sees each part alone"))
      << log.text();
  // Statistics of failed attempts are dropped: 2 + 2 batches count, then 2 in parts.
  for (const nn::NamedBuffer& b : model->named_buffers()) {
    if (b.name != "features.1.num_batches_tracked") continue;
    EXPECT_EQ(b.buffer->value.item<i64>(), 4 + 2 * trainer.counters().batch_parts);
  }
}

TEST(OutOfMemory, ThePartsAreInTheState) {
  nn::AnyModule first = testing_models::tiny_mlp(), second = testing_models::tiny_mlp();
  // Large enough that the memory of a product on any processor is small beside it.
  data::Loader loader(tiny_images(4400), {.batch_size = 2200, .workers = 0});
  const TrainerOptions options{.out_of_memory = OnOutOfMemory::split};
  Trainer a(*first, classification(), options), b(*second, classification(), options);
  {
    MemoryLimit limit;
    a.set_epoch_length(2);
    limit.set(300000);
    a.train_one_epoch(loader);
  }
  EXPECT_GT(a.counters().batch_parts, 1);
  load_state(b, save_state(a), "trainer");
  EXPECT_EQ(b.counters().batch_parts, a.counters().batch_parts);
}

}  // namespace
}  // namespace weft::train
