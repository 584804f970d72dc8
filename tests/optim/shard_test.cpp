// SPDX-License-Identifier: Apache-2.0
// The parts of an optimizer's state (Note [Sharding]). Ranks are threads here.
#include <algorithm>
#include <barrier>
#include <thread>

#include <gtest/gtest.h>

#include "weft/device/allocator.h"
#include "weft/optim/adam.h"
#include "weft/tests/optim/net.h"

namespace weft::optim {
namespace {

constexpr int kRanks = 3;

// What the ranks show each other.
struct Meeting {
  std::barrier<> together{kRanks};
  Tensor shown[kRanks];
};

class ThreadShard : public Shard {
 public:
  ThreadShard(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  i64 rank() const override { return rank_; }
  i64 ranks() const override { return kRanks; }
  void sum(const Tensor& values) override {
    meeting_.shown[rank_] = values;
    meeting_.together.arrive_and_wait();
    std::vector<double> sums(static_cast<std::size_t>(values.elements()));
    for (const Tensor& each : meeting_.shown)
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += each.data<double>()[i];
    meeting_.together.arrive_and_wait();
    std::copy(sums.begin(), sums.end(), values.data<double>());
  }
  void gather(const Tensor& part, const Tensor& whole) override {
    meeting_.shown[rank_] = part.clone();
    meeting_.together.arrive_and_wait();
    const i64 length = part.elements();
    for (i64 r = 0; r < kRanks; ++r) whole.range(r * length, {length}).copy_from(meeting_.shown[r]);
    meeting_.together.arrive_and_wait();
  }

 private:
  Meeting& meeting_;
  int rank_;
};

AdamOptions options() { return {.lr = 0.05}; }

// Trains with a changed set of parameters in between. `after_step` follows each step.
void run(Net& net, Optimizer& opt, const std::function<void()>& after_step) {
  const auto step = [&] {
    opt.zero_grad();
    net.backward();
    opt.step({.clip_norm = 3});
    after_step();
  };
  for (int k = 0; k < 3; ++k) step();
  net.leaf(2).requires_grad = false;
  opt.rebuild();
  for (int k = 0; k < 2; ++k) step();
  net.leaf(2).requires_grad = true;
  opt.rebuild();
  for (int k = 0; k < 3; ++k) step();
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-12) << i;
}

// Runs `work` on each rank, a thread, with an optimizer of which it has one part.
void on_each_rank(i64 bucket_bytes, const std::function<void(Net&, Adam&)>& work) {
  Meeting meeting;
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < kRanks; ++rank)
    threads.emplace_back([&, rank] {
      Net net;
      Adam opt{net.parameters, options()};
      ThreadShard shard(meeting, rank);
      opt.set_buckets(bucket_bytes, &shard);
      work(net, opt);
    });
}

TEST(Shard, RanksThatUpdateTheirPartsMakeTheStepsOfOne) {
  Net whole;
  Adam one{whole.parameters, options()};
  run(whole, one, [] {});
  const OptimizerState wanted = one.state();

  for (const i64 bucket_bytes : {i64{1}, i64{200}, i64{1} << 30})
    on_each_rank(bucket_bytes, [&](Net& net, Adam& opt) {
      run(net, opt, [&] { opt.gather_parameters(); });
      expect_near(net.values(), whole.values());
      const OptimizerState state = opt.state();
      ASSERT_EQ(state.parameters.size(), wanted.parameters.size());
      for (const auto& [name, its] : state.parameters) {
        EXPECT_EQ(its.steps, wanted.parameters.at(name).steps) << name;
        for (std::size_t slot = 0; slot < its.slots.size(); ++slot)
          expect_near(its.slots[slot].to_vector<double>(),
                      wanted.parameters.at(name).slots[slot].to_vector<double>());
      }
    });
}

TEST(Shard, TakesTheStateOfOneProcess) {
  Net first;
  Adam trained{first.parameters, options()};
  train(first, trained, 4);
  const OptimizerState saved = trained.state();
  on_each_rank(1 << 10, [&](Net&, Adam& opt) {
    opt.load_state(saved);
    const OptimizerState loaded = opt.state();
    for (const auto& [name, its] : saved.parameters)
      for (std::size_t slot = 0; slot < its.slots.size(); ++slot)
        EXPECT_EQ(loaded.parameters.at(name).slots[slot].to_vector<double>(),
                  its.slots[slot].to_vector<double>());
  });
}

TEST(Shard, ARankHasItsPartOfTheStateAlone) {
  Net net;
  Adam opt{net.parameters, options()};
  const i64 with_all = allocator_counters(Cpu{}).bytes_in_use;
  Meeting meeting;
  ThreadShard shard(meeting, 0);
  opt.set_buckets(1 << 30, &shard);
  const i64 spared = with_all - allocator_counters(Cpu{}).bytes_in_use;
  // Two thirds of mean and mean square of 40018 numbers, but for padding.
  EXPECT_GT(spared, 0.9 * 2 * 40018 * 8 * 2 / 3);
}

}  // namespace
}  // namespace weft::optim
