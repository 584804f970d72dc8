// SPDX-License-Identifier: Apache-2.0
// What the ranks of a run agree on. Ranks are threads here, each with a group of its own.
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "weft/dist/process_group.h"
#include "weft/dist/tcp.h"
#include "weft/nn/serialize.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/run/run_ranks.h"

namespace weft::train {
namespace {

#ifdef WEFT_HAS_GLOO
#define WEFT_NEEDS_GROUPS()
#else
#define WEFT_NEEDS_GROUPS() GTEST_SKIP() << "this build has no libweft_gloo.so"
#endif

constexpr i64 kGroupRanks = 3;

// Calls `program` as each rank of a job, all at the same time.
void on_all_ranks(const std::function<void(const RunRanks&)>& program) {
  std::signal(SIGPIPE, SIG_IGN);
  const int port = dist::port_of(dist::listen_at("127.0.0.1", 0));
  std::vector<std::thread> threads;
  for (i64 rank = 0; rank < kGroupRanks; ++rank)
    threads.emplace_back([&, rank] {
      dist::Launch launch;
      launch.rank = rank;
      launch.size = kGroupRanks;
      launch.address = "127.0.0.1";
      launch.port = port;
      dist::ProcessGroup group(launch,
                               {.build_and_config = "one", .timeout = std::chrono::seconds(20)});
      program(RunRanks(&group));
      group.leave();
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(RunRanks, AloneNothingIsExchanged) {
  const RunRanks ranks;
  EXPECT_TRUE(ranks.alone() && ranks.is_first());
  EXPECT_EQ(ranks.size(), 1);
  EXPECT_EQ(ranks.from_first("text"), "text");
  EXPECT_EQ(ranks.texts_of_all("text"), std::vector<std::string>{"text"});
  EXPECT_EQ(ranks.first_code(7), 7);
  EXPECT_TRUE(ranks.any({.stop = true}).stop);
  EXPECT_THROW(ranks.together("x", [] { fail("one sentence"); }), UserError);
  EXPECT_GE(fair_threads(ranks), 1);
}

TEST(RunRanks, AnErrorOfOneIsThrownOnAll) {
  WEFT_NEEDS_GROUPS();
  on_all_ranks([](const RunRanks& ranks) {
    ranks.together("nothing", [] {});
    const auto of_two = [&] {
      ranks.together("the data", [&] {
        if (ranks.rank() > 0) fail("rank {} has no data", ranks.rank());
      });
    };
    EXPECT_EQ(test_support::message_of(of_two),
              ranks.is_first() ? "rank 1 has no data (on rank 1)"
                               : fmt::format("rank {} has no data", ranks.rank()));
    EXPECT_THROW(ranks.together("x",
                                [&] {
                                  if (ranks.rank() == 2) fail("a mistake");
                                }),
                 UserError);
    EXPECT_THROW(ranks.together("x",
                                [&] {
                                  if (ranks.rank() == 2) throw TrainingError("diverged");
                                }),
                 TrainingError);
    EXPECT_THROW(ranks.together("x",
                                [&] {
                                  if (ranks.is_first()) throw std::bad_alloc();
                                }),
                 std::exception);
  });
}

TEST(RunRanks, AgreeOnTextsRequestsAndCodes) {
  WEFT_NEEDS_GROUPS();
  on_all_ranks([](const RunRanks& ranks) {
    const i64 rank = ranks.rank();
    EXPECT_EQ(ranks.part().rank, rank);
    EXPECT_EQ(ranks.part().ranks, kGroupRanks);
    EXPECT_EQ(ranks.from_first(fmt::format("of {}", rank)), "of 0");
    EXPECT_EQ(ranks.from_first(""), "");
    EXPECT_EQ(ranks.texts_of_all(fmt::format("of {}", rank)),
              (std::vector<std::string>{"rank 0: of 0", "rank 1: of 1", "rank 2: of 2"}));
    const RankRequests none = ranks.any({});
    EXPECT_FALSE(none.stop || none.save);
    const RankRequests some = ranks.any({.stop = rank == 2, .save = false});
    EXPECT_TRUE(some.stop && !some.save);
    EXPECT_EQ(ranks.first_code(0), 0);
    EXPECT_EQ(ranks.first_code(rank == 0 ? 0 : 128 + static_cast<int>(rank)), 129);
    EXPECT_GE(fair_threads(ranks), 1);
    const Tensor one = Tensor::copy_of(std::vector<double>{1.5}, {1});
    ranks.sum(one, "a sum");
    EXPECT_EQ(one.item<double>(), 1.5 * kGroupRanks);
  });
}

TEST(RunRanks, WaitForARankBeyondTheTimeoutSlow) {
  WEFT_NEEDS_GROUPS();
  std::signal(SIGPIPE, SIG_IGN);
  const int port = dist::port_of(dist::listen_at("127.0.0.1", 0));
  std::vector<std::thread> threads;
  for (i64 rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] {
      dist::Launch launch;
      launch.rank = rank;
      launch.size = 2;
      launch.address = "127.0.0.1";
      launch.port = port;
      dist::ProcessGroup group(launch,
                               {.build_and_config = "one", .timeout = std::chrono::seconds(1)});
      const RunRanks ranks(&group);
      if (ranks.is_first()) std::this_thread::sleep_for(std::chrono::milliseconds(2500));
      ranks.wait("a save");
      EXPECT_EQ(ranks.from_first("saved"), "saved");
      group.leave();
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(RunRanks, BuffersAreThoseOfTheFirstAndWeightsAreCompared) {
  WEFT_NEEDS_GROUPS();
  // Modules are built one after the other, because they draw from one generator.
  std::vector<nn::AnyModule> models;
  for (i64 rank = 0; rank < kGroupRanks; ++rank) models.push_back(testing_models::tiny_cnn());
  for (i64 rank = 0; rank < kGroupRanks; ++rank)
    for (const nn::NamedBuffer& each : models[static_cast<std::size_t>(rank)]->named_buffers())
      if (is_floating(each.buffer->value.dtype()))
        each.buffer->value.fill(static_cast<double>(rank + 1));
  on_all_ranks([&](const RunRanks& ranks) {
    nn::Module& model = *models[static_cast<std::size_t>(ranks.rank())];
    const std::vector<NamedModel> named{{"model", &model}};
    const std::string other = test_support::message_of([&] { ranks.check_equal(named); });
    EXPECT_NE(other.find("running_mean' of the model is not that of rank 0"), std::string::npos)
        << other;
    ranks.copy_buffers(model);
    for (const nn::NamedBuffer& each : model.named_buffers()) {
      if (!is_floating(each.buffer->value.dtype())) continue;
      for (const double value : each.buffer->value.to(DType::f64).to_vector<double>())
        EXPECT_EQ(value, 1) << each.name;
    }
    EXPECT_NO_THROW(ranks.check_equal(named));
    if (ranks.rank() == 2)
      model.named_parameters().front().variable.value().data<float>()[3] += 1e-6F;
    const std::string name = test_support::message_of([&] { ranks.check_equal(named); });
    EXPECT_NE(name.find("'" + model.named_parameters().front().name + "' of the model"),
              std::string::npos)
        << name;
    EXPECT_EQ(name.find("(on rank 2)") != std::string::npos, ranks.rank() != 2) << name;
  });
}

}  // namespace
}  // namespace weft::train
