// SPDX-License-Identifier: Apache-2.0
// A training step in steady state does not call the heap.
#include <gtest/gtest.h>

#include "weft/data/loader.h"
#include "weft/data/tensor_dataset.h"
#include "weft/device/parallel.h"
#include "weft/kernels/library/matmul.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/tensor/random.h"
#include "weft/testing/heap_counter.h"
#include "weft/testing/machine.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

constexpr i64 kHeapSteps = 48, kHeapBatch = 8;

// Returns the calls of operator new in the second half of an epoch, on all threads. The first half
// fills the caches.
i64 heap_calls_of_steps(const Recipe<nn::Model>& recipe, const TrainerOptions& options) {
  const i64 samples = kHeapSteps * options.accumulate * kHeapBatch;
  Generator generator(1);
  const Tensor x = Tensor::empty({samples, 8, 8, 1}), y = Tensor::zeros({samples}, DType::int64);
  generator.normal(x, 0, 1);
  data::DatasetInfo info;
  info.name = "random";
  info.classes = 10;
  data::Loader loader(std::make_shared<data::TensorDataset>(info, x, y),
                      {.batch_size = kHeapBatch});
  const nn::AnyModule model = recipe.make(nn::ModelInput{{8, 8, 1}, 10});
  Trainer trainer(*model, classification(), options);
  trainer.begin_epoch(loader);
  for (i64 step = 0; step < kHeapSteps / 2; ++step) EXPECT_TRUE(trainer.train_step());
  const i64 before = testing::heap_calls();
  for (i64 step = kHeapSteps / 2; step < kHeapSteps; ++step) EXPECT_TRUE(trainer.train_step());
  return testing::heap_calls() - before;
}

// oneDNN allocates in each call, so Eigen computes the products.
class StepHeap : public ::testing::Test {
 protected:
  StepHeap() {
    kernels::set_cpu_backend(kernels::CpuBackend::eigen);
    set_threads(1);
  }

 private:
  testing::MachineState restore_;
};

TEST_F(StepHeap, AStepOfAnMlpDoesNotCallTheHeap) {
  const auto mlp = nn::mlp({.hidden = {16, 16}});
  EXPECT_EQ(heap_calls_of_steps(mlp, {.optimizer = optim::adamw({.lr = 1e-3})}), 0);
}

TEST_F(StepHeap, NorDoClippingAndAccumulation) {
  const auto mlp = nn::mlp({.hidden = {16}});
  EXPECT_EQ(heap_calls_of_steps(
                mlp, {.optimizer = optim::adamw({.lr = 1e-3}), .accumulate = 2, .clip_norm = 1}),
            0);
}

}  // namespace
}  // namespace weft::train
