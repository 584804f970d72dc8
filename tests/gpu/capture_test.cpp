// SPDX-License-Identifier: Apache-2.0
// train.capture: a step that is replayed as a graph gives the same bits as the step run op by op.
#include "weft/tests/gpu/capture_tools.h"

#include "weft/core/log.h"
#include "weft/device/allocator.h"
#include "weft/optim/adam.h"
#include "weft/tests/support/message_of.h"

#ifndef WEFT_REAL_DEVICE
#include "weft/device/emulated/stream.h"
#endif

namespace weft {
namespace {

using test_support::message_of;
using namespace testing_gpu;  // NOLINT(google-build-using-namespace)

class GpuCapture : public testing_gpu::OnGpu {
 protected:
  // Trains both ways and returns the captured run.
  static std::unique_ptr<Training> expect_equal(
      const Setting& setting, const std::function<void(Training&)>& prepare = {}) {
    Training eager(setting, false);
    auto captured = std::make_unique<Training>(setting, true);
    for (Training* run : {&eager, captured.get()}) {
      if (prepare) prepare(*run);
      run->train();
    }
    EXPECT_EQ(captured->difference_from(eager), "");
    return captured;
  }
};

// The run has a skipped step in every epoch, clipping, a cosine schedule with a warm-up, and a
// layer that is unfrozen in the middle.
TEST_F(GpuCapture, AHundredStepsAreThoseOfOpByOp) {
  const Setting setting{.options = {.optimizer = optim::adamw({.lr = 1e-2}),
                                    .scheduler = optim::cosine({.warmup = "1ep"}),
                                    .epochs = 10,
                                    .clip_norm = 0.5},
                        .planted = {{33, 0.0f}}};
  const auto captured = expect_equal(setting, [](Training& run) {
    run.trainer().set_requires_grad("fc1.*", false);
    run.trainer().set_requires_grad("norm.*", false);
    run.trainer().rebuild_optimizer_and_scheduler();
    run.listener().before_step = [](train::Trainer& trainer, i64 step) {
      if (step != 45) return;
      trainer.set_requires_grad("*", true);
      trainer.rebuild_optimizer_and_scheduler();
    };
  });
  EXPECT_EQ(captured->listener().outcomes.size(), 100u);
  EXPECT_EQ(captured->skipped(), 10);
  EXPECT_EQ(captured->trainer().counters().graphs, 2) << "before and after the rebuild";
  EXPECT_EQ(captured->trainer().counters().launches, 100 - 2 * 2);
  i64 clipped = 0;
  for (const Outcome& outcome : captured->listener().outcomes) clipped += outcome.grad_norm > 0.5;
  EXPECT_GT(clipped, 10);
}

TEST_F(GpuCapture, AccumulatedBatchesAreOneGraphAndAShortStepIsNone) {
  const auto captured = expect_equal({.options = {.optimizer = optim::adamw({.lr = 1e-2}),
                                                  .scheduler = optim::cosine(),
                                                  .epochs = 4,
                                                  .accumulate = 3,
                                                  .clip_value = 0.02},
                                      .planted = {{33, 0.0f}}});
  EXPECT_EQ(captured->listener().outcomes.size(), 4u * 4);  // 3 + 3 + 3 + 1 batches
  EXPECT_EQ(captured->trainer().counters().graphs, 1);
  EXPECT_EQ(captured->trainer().counters().launches, 4 * 3 - 2);
}

// Every shuffled batch has another weight, because of its labels. The host sends the weight.
TEST_F(GpuCapture, BatchesMayCountDifferently) {
  for (const auto& loss : {train::ClassificationOptions{.class_weights = {1, 0.5, 3, 0.125}},
                           train::ClassificationOptions{.label_smoothing = 0.1, .ignore_index = 3}})
    for (const i64 accumulate : {1, 2}) {
      const auto captured = expect_equal(
          {.options = {.optimizer = optim::sgd({.lr = 0.1}), .epochs = 2, .accumulate = accumulate},
           .loss = train::classification(loss)});
      EXPECT_EQ(captured->trainer().counters().launches, 20 / accumulate - 2);
    }
}

// The graph holds the cross-entropy of probabilities. The host sends them with the samples.
TEST_F(GpuCapture, BatchesMayBeMixed) {
  const auto captured = expect_equal(
      {.options = {.optimizer = optim::sgd({.lr = 0.1}), .epochs = 3},
       .loss = train::classification({.label_smoothing = 0.1, .class_weights = {1, 0.5, 3, 0.125}}),
       .mix = data::mixup({.alpha = 0.4})});
  EXPECT_EQ(captured->trainer().counters().launches, 30 - 2);
}

// They read the outputs in the memory of the graph, behind each launch.
TEST_F(GpuCapture, TrainingIsMeasuredAsOpByOp) {
  for (const i64 accumulate : {1, 3})
    for (const std::optional<i64> ignored : {std::optional<i64>(), std::optional<i64>(3)}) {
      const auto captured =
          expect_equal({.options = {.optimizer = optim::sgd({.lr = 0.1}),
                                    .epochs = 3,
                                    .accumulate = accumulate,
                                    .clip_norm = 0.5},
                        .samples = 77,
                        .planted = {{33, 0.0f}},
                        .loss = train::classification({.ignore_index = ignored}),
                        .metrics = {"accuracy", "confusion_matrix", "perplexity"}});
      EXPECT_GT(captured->trainer().counters().launches, 0);
      for (const train::EpochResult& result : captured->results()) {
        i64 hits = 0, samples = 0;
        const std::vector<i64> table = result.tables.at("confusion_matrix").to_vector<i64>();
        for (i64 i = 0; i < std::ssize(table); ++i) {
          samples += table[static_cast<std::size_t>(i)];
          hits += i % (kClasses + 1) == 0 ? table[static_cast<std::size_t>(i)] : 0;
        }
        EXPECT_EQ(samples, ignored ? 58 : 77);
        EXPECT_EQ(result.metrics.at("accuracy"),
                  static_cast<double>(hits) / static_cast<double>(samples));
        EXPECT_TRUE(std::isfinite(result.metrics.at("perplexity")));
      }
    }
}

TEST_F(GpuCapture, AShortLastBatchRunsOpByOp) {
  const auto captured =
      expect_equal({.options = {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}),
                                .scheduler = optim::one_cycle(),
                                .epochs = 4},
                    .samples = 77});
  EXPECT_EQ(captured->trainer().counters().launches, 4 * 9 - 2);
}

TEST_F(GpuCapture, HalfPrecisionScalesItsLossOnTheDevice) {
  const auto captured = expect_equal(
      {.options = {.optimizer = optim::adamw({.lr = 1e-2}),
                   .epochs = 4,
                   .precision = train::fp16({.init_scale = 0x1p22, .growth_interval = 7})},
       .samples = 77});
  EXPECT_GT(captured->skipped(), 0);
  EXPECT_LT(captured->skipped(), 20);
  EXPECT_EQ(captured->trainer().optimizers().loss_scaler()->skipped(), captured->skipped());
  expect_equal({.options = {.optimizer = optim::sgd({.lr = 0.1}),
                            .epochs = 2,
                            .accumulate = 2,
                            .precision = train::bf16()}});
}

TEST_F(GpuCapture, LearningRatesMayChangeBetweenSteps) {
  expect_equal({.options = {.optimizer = optim::adamw({.lr = 1e-2}),
                            .scheduler = optim::plateau({.patience = 0}),
                            .epochs = 3}},
               [](Training& run) {
                 run.listener().before_step = [](train::Trainer& trainer, i64 step) {
                   if (step == 6) trainer.scale_lr(0.5);
                   if (step == 12)
                     for (const double metric : {1.0, 2.0, 2.0})
                       trainer.observe("validation/loss", metric);
                   if (step == 18) trainer.set_lr_factors({{.match = {"fc2.*"}, .lr_factor = 0.1}});
                 };
               });
}

TEST_F(GpuCapture, AnObserverMaySeeGradientsAndOutcomes) {
  Setting setting{
      .options = {.optimizer = optim::adamw({.lr = 1e-2}), .epochs = 3, .clip_norm = 0.5},
      .planted = {{33, 0.0f}}};
  auto captured = expect_equal(setting, [](Training& run) { run.listener().gradients_every = 5; });
  EXPECT_EQ(captured->listener().gradients_seen, 6);
  EXPECT_EQ(captured->trainer().counters().launches, 30 - 6 - 2);
  for (const bool waits : {false, true}) {
    captured = expect_equal(setting, [&](Training& run) { run.listener().waits = waits; });
    const std::vector<i64>& late = captured->listener().lateness;
    EXPECT_EQ(*std::max_element(late.begin(), late.end()),
              waits ? 0 : train::StepsInFlight::kMost - 1);
  }
  setting.options.max_steps = 17;
  captured = expect_equal(setting);
  EXPECT_EQ(captured->trainer().optimizer().applied_steps(), 17);
}

// The state of a run that stops there, including the batch-norm statistics.
TEST_F(GpuCapture, ALossThatIsNotFiniteLeavesTheWeightsThatGaveIt) {
  const Setting setting{.options = {.optimizer = optim::adamw({.lr = 1e-2})},
                        .planted = {{6 * kBatch + 1, 3e38f}},
                        .shuffle = false};
  Setting until = setting;
  until.options.max_steps = 6;
  Training stopped(until, false), halted(setting, true);
  stopped.train();
  const std::string error = message_of<Error>([&] { halted.train(); });
  EXPECT_NE(error.find("at batch 7 of epoch 1; try a lower learning rate"), std::string::npos)
      << error;
  EXPECT_EQ(halted.trainer().optimizer().applied_steps(), 6);
  EXPECT_EQ(halted.trainer().counters().in_flight, 0);
  const TensorMap here = state_of(halted.net()), there = state_of(stopped.net());
  for (const auto& [name, value] : here)
    EXPECT_EQ(difference_in_bytes(value.to(Cpu{}), there.at(name).to(Cpu{})), "") << name;
}

// A gradient is NaN at the smallest loss scale.
TEST_F(GpuCapture, AnOverflowAtTheSmallestScaleEndsBothAlike) {
  const Setting setting{.options = {.optimizer = optim::adamw({.lr = 1e-2}),
                                    .precision = train::fp16({.init_scale = 1})},
                        .planted = {{6 * kBatch + 1, 0.0f}},
                        .shuffle = false};
  Training eager(setting, false), captured(setting, true);
  const std::string error = message_of<Error>([&] { captured.train(); });
  EXPECT_EQ(error, message_of<Error>([&] { eager.train(); }));
  EXPECT_NE(error.find("a gradient is not finite at the smallest loss scale, 1"), std::string::npos)
      << error;
  EXPECT_EQ(captured.trainer().counters().in_flight, 0);
  EXPECT_EQ(captured.difference_from(eager), "");
}

// Note [The outcome of a step]. With loss scaling, an observer gets the gradients of a step with a
// loss scale that depends on the previous step, so the host waits for that step.
TEST_F(GpuCapture, OpByOpTheNextForwardPassBeginsBeforeAnOutcomeIsKnown) {
  struct Case {
    Setting setting;
    bool waits;
    i64 in_flight;
  };
  constexpr i64 kLate = train::StepsInFlight::kMost - 1;
  for (const Case& c : {Case{{.options = {.epochs = 2}}, false, kLate},
                        Case{{.options = {.epochs = 2, .clip_norm = 0.5}}, false, kLate},
                        Case{{.options = {.epochs = 2, .clip_value = 0.02}}, false, kLate},
                        Case{{.options = {.epochs = 2, .precision = train::fp16()}}, false, 1},
                        Case{{.options = {.epochs = 2, .clip_norm = 0.5}}, true, 0}}) {
    Training run(c.setting, false);
    run.listener().waits = c.waits;
    std::vector<i64> seen, wanted;
    run.net().look = [&](const Variable&) { seen.push_back(run.trainer().counters().in_flight); };
    run.train();
    for (i64 step = 0; step < 20; ++step) wanted.push_back(std::min(step % 10, c.in_flight));
    EXPECT_EQ(seen, wanted) << "an epoch of 10 steps begins with nothing in flight";
    EXPECT_EQ(run.trainer().counters().in_flight, 0);
    EXPECT_EQ(run.listener().outcomes.size(), 20u);
  }
}

TEST_F(GpuCapture, AStepThatReadsElementsIsRefusedAndNamed) {
  Training run({.options = {.optimizer = optim::sgd({.lr = 0.1})}}, true);
  run.net().look = [](const Variable& h) { EXPECT_GE(h.value().to_vector<float>()[0], 0.0f); };
  EXPECT_EQ(
      message_of<Error>([&] { run.train(); }),
      "copy to the host: asked for while a graph is recorded; work that neither waits for the "
      "device nor reads or sends from the host is required");
  run.net().look = {};
  run.trainer().begin_epoch(run.loader());
  EXPECT_TRUE(run.trainer().train_step());
  run.trainer().end_epoch();
  EXPECT_EQ(run.trainer().optimizer().applied_steps(), 3) << "two of the warm-up, and this one";
}

TEST_F(GpuCapture, OnTheCpuStepsRunOpByOpWithANotice) {
  std::vector<std::string> said;
  const LogSink before =
      set_log_sink([&](LogLevel, std::string_view text) { said.emplace_back(text); });
  Net net;
  Training run({}, true, Cpu{});
  set_log_sink(before);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0], "capture: the model is on the cpu, which has no graphs; steps run op by op");
  run.train();
  EXPECT_EQ(run.trainer().optimizer().applied_steps(), 10);
  EXPECT_EQ(run.trainer().counters().launches, 0);
  EXPECT_EQ(message_of<Error>([&] {
              train::Trainer(net, train::classification(),
                             {.out_of_memory = train::OnOutOfMemory::split, .capture = true});
            }),
            "Trainer: capture: expected false where out_of_memory is split");
}

#ifndef WEFT_REAL_DEVICE
TEST_F(GpuCapture, TheHostNeitherWaitsNorAllocatesOnceItIsWarm) {
  Training run({.options = {.optimizer = optim::adamw({}), .clip_norm = 1}, .samples = 60 * kBatch},
               true);
  std::vector<u64> waits;
  std::vector<i64> system;
  run.listener().before_step = [&](train::Trainer& trainer, i64) {
    waits.push_back(emulated::waits());
    system.push_back(allocator_counters(trainer.optimizers().device()).system_allocations);
  };
  run.train();
  EXPECT_EQ(system[50], system[10]);
  // The host waits only for the oldest of the steps in flight.
  EXPECT_LE(waits[50] - waits[10], 40u);
}

// The stream gets exactly this work for a step after the warm-up: samples, integers, the launch,
// and the copy of the report to the host.
TEST_F(GpuCapture, AStepIsOneLaunchAndFewCopies) {
  for (const auto& [on_device, augmented] :
       {std::pair(false, false), {true, false}, {true, true}}) {
    Setting setting{.options = {.optimizer = optim::adamw({}), .clip_norm = 1},
                    .samples = 30 * kBatch,
                    .on_device = on_device};
    if (augmented) {
      setting.pictures = true;
      setting.augment = {data::crop({.padding = 1}), data::flip()};
      setting.mix = data::mixup();
    }
    Training run(setting, true);
    std::vector<u64> given;
    run.listener().before_step = [&](train::Trainer&, i64) {
      given.push_back(gpu::compute_stream()->given);
    };
    run.train();
    EXPECT_EQ(given[25] - given[10], 15u * (on_device ? 3 : 4));
  }
}
#endif

}  // namespace
}  // namespace weft
