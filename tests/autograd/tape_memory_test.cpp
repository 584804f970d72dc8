// SPDX-License-Identifier: Apache-2.0
// The memory that the tape holds, and when it is freed.
#include <gtest/gtest.h>

#include "weft/autograd/tape.h"
#include "weft/device/allocator.h"
#include "weft/testing/heap_counter.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

constexpr i64 kMegabyte = 1 << 20;
i64 in_use() { return allocator_counters(Cpu{}).bytes_in_use; }
Variable big_leaf() { return Variable::leaf(Tensor::full({kMegabyte / 4}, 0.5)); }

TEST(TapeMemory, BackwardFreesActivationsAsItGoes) {
  release_cached(Cpu{});  // a larger block of another test would count as in use
  const Variable x = big_leaf();
  const i64 start = in_use();
  Variable y = x;
  for (int i = 0; i < 20; ++i) y = sigmoid(y);  // sigmoid saves its output
  EXPECT_GE(in_use() - start, 20 * kMegabyte);
  const Tensor seed = Tensor::full(y.shape(), 1.0);
  reset_peak(Cpu{});
  const i64 before = in_use();
  y.backward(seed);
  // The peak is the gradient in flight and that of x. It does not grow with the chain.
  EXPECT_LE(allocator_counters(Cpu{}).peak_bytes_in_use - before, 3 * kMegabyte);
  // y, the seed gradient and the gradient of x are left.
  EXPECT_LE(in_use() - start, 3 * kMegabyte + 4096);
}

TEST(TapeMemory, AChainThatIsDroppedIsFreed) {
  const Variable x = big_leaf();
  const i64 start = in_use();
  {
    Variable y = x;
    for (int i = 0; i < 10; ++i) y = exp(y);
  }
  EXPECT_LE(in_use() - start, 4096);
  EXPECT_EQ(x.leaf_state()->pending_uses, 0);
  EXPECT_EQ(Tape::current().recorded_ops(), 0);
}

TEST(TapeMemory, AHeldOutputKeepsNothingThatWasRecordedLater) {
  const Variable x = big_leaf();
  const Variable held = sum(exp(x));
  const i64 start = in_use(), uses = x.leaf_state()->pending_uses;
  for (int pass = 0; pass < 20; ++pass) {
    const Variable dropped = sum(exp(x));  // without backward()
    EXPECT_EQ(Tape::current().recorded_ops(), 4);
  }
  for (int pass = 0; pass < 20; ++pass) sum(exp(x)).backward();
  EXPECT_EQ(Tape::current().recorded_ops(), 2);
  EXPECT_LE(in_use() - start, kMegabyte + 4096);  // the gradient of x
  EXPECT_EQ(x.leaf_state()->pending_uses, uses);
  x.zero_grad();
  held.backward();
  EXPECT_EQ(x.grad().to_vector<float>()[0], exp(x.value()).to_vector<float>()[0]);
}

TEST(TapeMemory, LossesThatAreKeptAfterBackwardKeepTheirOwnNodeOnly) {
  const Variable x = big_leaf();
  sum(exp(x)).backward();
  const i64 start = in_use();
  std::vector<Variable> losses;
  for (int pass = 0; pass < 20; ++pass) {
    losses.push_back(sum(exp(x)));
    losses.back().backward();
  }
  EXPECT_LE(in_use() - start, 20 * 4096);
  EXPECT_EQ(Tape::current().recorded_ops(), 0);
}

TEST(TapeMemory, WithOneOldOutputHeldTheHeapIsNotAskedEither) {
  const Variable x = Variable::leaf(Tensor::full({64}, 0.5)), held = sum(exp(x));
  const auto pass = [&] {
    const Variable dropped = exp(exp(x));
    sum(exp(exp(x))).backward();
  };
  pass();
  const i64 before = testing::heap_calls();
  for (int i = 0; i < 100; ++i) pass();
  EXPECT_EQ(testing::heap_calls() - before, 0);
}

TEST(TapeMemory, PartsOfAGraphThatNothingRefersToAreFreedAtOnce) {
  const Variable x = big_leaf();
  const Variable trunk = exp(x);
  const i64 start = in_use();
  { const Variable branch = exp(exp(trunk)); }
  EXPECT_LE(in_use() - start, 4096);
  EXPECT_EQ(Tape::current().recorded_ops(), 1);
  sum(trunk).backward();
  EXPECT_TRUE(x.grad().defined());
}

// Freeing the chain recursively would overflow the stack.
TEST(TapeMemory, AVeryLongChainIsFreed) {
  const Variable x = Variable::leaf(Tensor::full({1}, 0.5));
  {
    Variable y = x;
    for (int i = 0; i < 300'000; ++i) y = y + 1.0;
    EXPECT_EQ(Tape::current().recorded_ops(), 300'000);
  }
  EXPECT_EQ(Tape::current().recorded_ops(), 0);
}

TEST(TapeMemory, AVariableMayOutliveItsTape) {
  const Variable x = Variable::leaf(Tensor::full({1}, 0.5));
  Variable y;
  {
    Tape inner;
    const Tape::Scope scope(inner);
    y = x + 1.0;
  }
  EXPECT_EQ(y.value().item<float>(), 1.5f);
  EXPECT_EQ(x.leaf_state()->pending_uses, 0);
  EXPECT_THROW(y.backward(), UserError);
  EXPECT_THROW(y + 1.0, UserError);
}

TEST(TapeMemory, InPlaceEdgesNeedOneGradientForAChain) {
  release_cached(Cpu{});  // a larger block of another test would count as in use
  const Variable x = big_leaf();
  Variable y = affine(x, 2.0, 0.0);  // affine saves nothing
  for (int i = 0; i < 10; ++i) y = affine(y, 1.5, 0.5);
  y = sum(y);
  reset_peak(Cpu{});
  const i64 before = in_use();
  y.backward();
  // The peak is one gradient in flight and that of x.
  EXPECT_LE(allocator_counters(Cpu{}).peak_bytes_in_use - before, 2 * kMegabyte + 4096);
}

TEST(TapeMemory, AFrozenEncoderKeepsNothing) {
  const Variable frozen = big_leaf(), head = Variable::leaf(Tensor::full({1}, 2.0));
  frozen.set_requires_grad(false);
  const i64 start = in_use();
  Variable y = frozen;
  for (int i = 0; i < 10; ++i) y = exp(y * 0.1);
  EXPECT_LE(in_use() - start, kMegabyte + 4096);  // only y is allocated
  sum(y * head).backward();
  EXPECT_TRUE(head.grad().defined());
}

// A tensor that shows whether it is still alive.
struct Watched {
  Watched() : memory(std::make_shared<std::vector<float>>(2, 1.0f)), alive(memory) {}
  Tensor take() {
    Tensor tensor = Tensor::view_of(std::span(*memory), {2}, memory);
    memory.reset();
    return tensor;
  }
  std::shared_ptr<std::vector<float>> memory;
  std::weak_ptr<std::vector<float>> alive;
};

TEST(TapeMemory, WhatAnEdgeCapturesLivesUntilItsNodeHasRun) {
  Watched captured;
  const Variable x = Variable::leaf(Tensor::full({2}, 1.0));
  std::vector<std::string> seen;
  const auto probe = [&](const char* name, const Variable& input) {
    return record(
        "probe", input.value().clone(),
        edge(input, [&seen, &captured, name](const Tensor& dy, Tensor& dx) {
          seen.push_back(std::string(name) + (captured.alive.expired() ? ": gone" : ": alive"));
          dx.copy_from(dy);
        }));
  };
  const Variable before = probe("before", x);
  Variable y =
      record("holder", before.value().clone(),
             edge(before, [&seen, &captured, kept = captured.take()](const Tensor& dy, Tensor& dx) {
               seen.push_back(captured.alive.expired() ? "holder: gone" : "holder: alive");
               dx.copy_from(dy);
             }));
  y = probe("after", y);
  EXPECT_FALSE(captured.alive.expired());
  y.backward(Tensor::full({2}, 1.0));
  EXPECT_EQ(seen, (std::vector<std::string>{"after: alive", "holder: alive", "before: gone"}));
}

TEST(TapeMemory, AnEdgeThatIsNotWantedDropsItsCaptureAtOnce) {
  Watched captured;
  const Variable wanted = Variable::leaf(Tensor::full({2}, 1.0)), constant(Tensor::full({2}, 1.0));
  const Variable y = record("op", wanted.value().clone(), identity_edge(wanted),
                            edge(constant, [kept = captured.take()](const Tensor&, Tensor&) {}));
  EXPECT_TRUE(captured.alive.expired());
}

TEST(TapeMemory, AnOpThatIsRefusedDropsWhatItsEdgesCaptured) {
  Watched captured;
  const Variable x = Variable::leaf(Tensor::full({2}, 1.0)), y = exp(x);
  Tape inner;
  const Tape::Scope scope(inner);
  EXPECT_THROW(
      record("op", x.value().clone(), edge(x, [kept = captured.take()](const Tensor&, Tensor&) {}),
             identity_edge(y)),
      UserError);
  EXPECT_TRUE(captured.alive.expired());
  EXPECT_EQ(x.leaf_state()->pending_uses, 1);  // y uses it
}

// Makes one step of a small network. No op calls a library.
void step(const Variable& x, const Variable& w, const Variable& b, const Tensor& labels) {
  const Variable h = layer_norm(gelu(x * w + b), w, b);
  const Variable y = dropout(h + tanh(h) * 0.5, 0.1);
  cross_entropy(log_softmax(reshape(y, Shape{32, 64})), labels).backward();
  for (const Variable& parameter : {w, b}) parameter.zero_grad();
}

TEST(TapeMemory, SteadyStateAsksNothingOfTheSystemOrTheHeap) {
  const testing::MachineState restore;
  const Variable x(Tensor::full({32, 64}, 0.3)), w = Variable::leaf(Tensor::full({64}, 1.1)),
                                                 b = Variable::leaf(Tensor::full({64}, 0.1));
  const Tensor labels = Tensor::zeros({32}, DType::int64);
  for (int i = 0; i < 3; ++i) step(x, w, b, labels);
  const i64 system = allocator_counters(Cpu{}).system_allocations, held = in_use();
  const i64 heap = testing::heap_calls();
  for (int i = 0; i < 10; ++i) step(x, w, b, labels);
  EXPECT_EQ(testing::heap_calls() - heap, 0);
  EXPECT_EQ(allocator_counters(Cpu{}).system_allocations, system);
  EXPECT_EQ(in_use(), held);
}

TEST(TapeMemory, TheHeapIsCounted) {
  const i64 before = testing::heap_calls();
  delete new std::vector<int>(100);
  EXPECT_GE(testing::heap_calls() - before, 1);
}

}  // namespace
}  // namespace weft
