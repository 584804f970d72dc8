// SPDX-License-Identifier: Apache-2.0
// Samples on the device (data.on_device). Each step gives the same bits as with samples of the
// loader, and only sample indices are sent.
#include "weft/core/log.h"
#include "weft/optim/adam.h"
#include "weft/tests/data/gather_cases.h"
#include "weft/tests/gpu/capture_tools.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/run/run_data.h"

#ifndef WEFT_REAL_DEVICE
#include "weft/device/emulated/memory.h"
#endif

namespace weft {
namespace {

using namespace testing_gpu;  // NOLINT(google-build-using-namespace)

class GpuResident : public testing_gpu::OnGpu {
 protected:
  // Both kinds of steps with samples on the device, compared with samples on the host. Returns the
  // number of skipped steps.
  static i64 expect_equal(Setting setting) {
    Training host(setting, false);
    host.train();
    setting.on_device = true;
    for (const bool capture : {false, true}) {
      Training device(setting, capture);
      device.train();
      EXPECT_EQ(device.difference_from(host), "") << "captured: " << capture;
      if (capture) {
        EXPECT_GT(device.trainer().counters().launches, 0);
      }
    }
    return host.skipped();
  }
};

TEST_F(GpuResident, StepsAreThoseOfTheLoadersSamples) {
  expect_equal({.options = {.optimizer = optim::adamw({.lr = 1e-2}),
                            .scheduler = optim::cosine({.warmup = "1ep"}),
                            .epochs = 4,
                            .clip_norm = 0.5},
                .samples = 77,  // a short last batch
                .planted = {{33, 0.0f}}});
  expect_equal({.options = {.optimizer = optim::sgd({.lr = 0.1}), .epochs = 3, .accumulate = 3},
                .shuffle = false});
  expect_equal(
      {.options = {
           .optimizer = optim::adamw({.lr = 1e-2}), .epochs = 2, .precision = train::bf16()}});
}

TEST_F(GpuResident, AugmentedAndMixedSamplesAreThoseOfTheLoader) {
  for (const data::GatherCase& of : data::gather_cases()) {
    SCOPED_TRACE(of.name);
    data::expect_the_hosts_batches(of, cuda());
  }
}

// Each replay of a graph has the moves and mixes of its own batch, in each epoch.
TEST_F(GpuResident, SlowStepsAreThoseOfTheLoadersAugmentedAndMixedSamples) {
  const train::TrainerOptions options{.optimizer = optim::adamw({.lr = 1e-2}), .epochs = 2};
  train::TrainerOptions accumulating = options;
  accumulating.accumulate = 2;
  const Setting all{
      .options = options,
      .samples = 77,
      .pictures = true,
      .augment = {data::crop({.padding = 1}), data::flip(), data::cutout({.size = 1})},
      .mix = data::cutmix({.probability = 0.7})};
  const Setting vectors{.options = options, .mix = data::mixup()};
  const Setting one_move{.options = accumulating,
                         .pictures = true,
                         .augment = {data::crop({.padding = 1, .mode = data::Padding::reflect})}};
  for (const Setting& setting : {all, vectors, one_move})
    EXPECT_EQ(expect_equal(setting), 0) << "steps that changed nothing";
}

// Augmentation and mix of one loader do not reach the batches of another one's graph.
TEST_F(GpuResident, AGraphIsOfOneKindOfRows) {
  std::vector<std::unique_ptr<Training>> runs;
  for (const bool capture : {false, true}) {
    Setting setting{.options = {.optimizer = optim::adamw({.lr = 1e-2}), .epochs = 3},
                    .on_device = true,
                    .pictures = true,
                    .augment = {data::flip()}};
    runs.push_back(std::make_unique<Training>(setting, capture));
    train::Trainer& trainer = runs.back()->trainer();
    const data::Dataset& samples = runs.back()->loader().dataset();
    data::LoaderOptions options = runs.back()->loader().options();
    data::Loader flipped(samples, options);
    options.augment = {data::crop({.padding = 1})};
    data::Loader cropped(samples, options);
    options.mix = data::cutmix();
    data::Loader mixed(samples, options);
    options.augment = {};
    options.mix = {};
    data::Loader plain(samples, options);
    i64 epoch = 0;
    for (data::Loader* loader : {&flipped, &cropped, &mixed, &plain, &mixed}) {
      loader->set_epoch(epoch++);
      trainer.train_one_epoch(*loader);
    }
  }
  EXPECT_EQ(runs[1]->difference_from(*runs[0]), "");
  EXPECT_EQ(runs[1]->trainer().counters().graphs, 3)
      << "one for a move, one for a move and a mix, and one for neither";
}

TEST_F(GpuResident, AGraphReadsNoOtherSamplesThanItsLoaders) {
  std::vector<std::unique_ptr<Training>> runs;
  for (const bool capture : {false, true}) {
    const Setting setting{.options = {.optimizer = optim::adamw({.lr = 1e-2}), .epochs = 3},
                          .on_device = true};
    Setting other = setting;
    other.planted = {{3, 0.5f}, {11, 0.9f}};
    runs.push_back(std::make_unique<Training>(setting, capture));
    Training samples(other, capture);
    train::Trainer& trainer = runs.back()->trainer();
    trainer.train_one_epoch(runs.back()->loader());
    for (const i64 epoch : {1, 2}) {
      data::Loader& loader = epoch == 1 ? samples.loader() : runs.back()->loader();
      loader.set_epoch(epoch);
      trainer.train_one_epoch(loader);
    }
  }
  EXPECT_EQ(runs[1]->difference_from(*runs[0]), "");
  EXPECT_EQ(runs[1]->trainer().counters().graphs, 3) << "one for each epoch's samples";
}

TEST_F(GpuResident, AnEvaluatorTakesEitherKind) {
  const auto images = train::testing_models::tiny_images(50);
  const data::ResidentDataset resident(*images, cuda());
  const nn::AnyModule model = train::testing_models::tiny_cnn();
  model->to(cuda());
  train::Evaluator evaluator(*model, train::classification());
  Tensor wanted, outputs;
  data::Loader host(images, {.batch_size = 20}), device(resident, {.batch_size = 20});
  const double loss = evaluator.evaluate(host, wanted).loss;
  for (int again = 0; again < 2; ++again) {
    const train::Evaluation evaluation = evaluator.evaluate(device, outputs);
    EXPECT_EQ(evaluation.loss, loss);
    EXPECT_EQ(difference_in_bytes(outputs, wanted), "");
    EXPECT_EQ(evaluator.evaluate(host).loss, loss);
  }
}

#ifndef WEFT_REAL_DEVICE
// A step sends the sample indices of a batch instead of the samples and their labels.
TEST_F(GpuResident, OnlySampleIndicesAreSent) {
  const auto sent_in_each_step = [](bool capture, bool on_device) {
    Training run({.options = {.optimizer = optim::adamw({})},
                  .samples = 20 * kBatch,
                  .on_device = on_device},
                 capture);
    std::vector<u64> sent;
    run.listener().before_step = [&](train::Trainer&, i64) {
      sent.push_back(emulated::bytes_sent());
    };
    run.train();
    std::vector<u64> steps;
    for (std::size_t i = 11; i < 15; ++i) steps.push_back(sent[i] - sent[i - 1]);
    EXPECT_EQ(*std::min_element(steps.begin(), steps.end()),
              *std::max_element(steps.begin(), steps.end()));
    return steps.front();
  };
  constexpr u64 kIndices = kBatch * sizeof(i64), kSamples = kBatch * kFeatures * sizeof(float),
                kLabels = kBatch * sizeof(i64);
  for (const bool capture : {false, true}) {
    const u64 host = sent_in_each_step(capture, false), device = sent_in_each_step(capture, true);
    EXPECT_EQ(host - device, kSamples + kLabels - kIndices) << "captured: " << capture;
    EXPECT_LT(device, kSamples) << "captured: " << capture;
  }
}

class WithMemory : public GpuResident {
 protected:
  void SetUp() override {
    GpuResident::SetUp();
    before_ = set_log_sink([this](LogLevel, std::string_view text) { said_.emplace_back(text); });
  }
  void TearDown() override { set_log_sink(before_); }

  train::PlacedData place(train::OnDevice on_device, i64 free_bytes) {
    const gpu::MemoryInfo info = gpu::memory_info();
    struct Limit {
      explicit Limit(i64 bytes) : before(emulated::set_memory_limit(bytes)) {}
      ~Limit() { emulated::set_memory_limit(before); }
      Limit(const Limit&) = delete;
      Limit& operator=(const Limit&) = delete;
      i64 before;
    };
    const Limit limit(info.total_bytes - info.free_bytes + free_bytes);
    train::DataOptions options;
    options.on_device = on_device;
    return train::place_data(data_, options, cuda());
  }

  static constexpr i64 kMiB = i64{1} << 20;
  train::RunData data_{train::testing_models::tiny_images(40'000), {}, {}, {}, {}};  // 0.92 MiB
  std::vector<std::string> said_;

 private:
  LogSink before_;
};

TEST_F(WithMemory, AutoTakesAQuarterOfWhatIsFree) {
  const train::PlacedData stays = place(train::OnDevice::auto_, 3 * kMiB),
                          moves = place(train::OnDevice::auto_, 8 * kMiB);
  EXPECT_EQ(stays.train, data_.train);
  ASSERT_NE(data::as_resident(*moves.train), nullptr);
  EXPECT_EQ(moves.validation, nullptr);
  EXPECT_EQ(said_,
            (std::vector<std::string>{
                "data: 40000 training and 0 validation samples (0.9 MiB) stay on the host; a "
                "quarter of the device's 3.0 free MiB is less",
                "data: 40000 training and 0 validation samples (0.9 MiB) lie on the device; "
                "batches are gathered there"}));
  EXPECT_EQ(place(train::OnDevice::never, 8 * kMiB).train, data_.train);
}

TEST_F(WithMemory, SamplesStayOnTheHostIfOnlyItCanAugmentThem) {
  train::DataOptions options;
  options.augment = {data::flip(), data::crop({.padding = 1}), data::cutout()};
  options.mix = data::cutmix();
  EXPECT_NE(data::as_resident(*train::place_data(data_, options, cuda()).train), nullptr);
  said_.clear();
  options.augment.push_back(data::affine());
  EXPECT_EQ(train::place_data(data_, options, cuda()).train, data_.train);
  EXPECT_EQ(said_, (std::vector<std::string>{"data: samples stay on the host, because only it can "
                                             "apply data.augment: affine"}));
  options.on_device = train::OnDevice::always;
  try {
    train::place_data(data_, options, cuda());
    ADD_FAILURE() << "no error";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "data.on_device: always given with data.augment: affine, which only the host can "
                 "apply; auto or never is required");
  }
}

TEST_F(WithMemory, AlwaysIsRefusedWhereItDoesNotFit) {
  EXPECT_NE(data::as_resident(*place(train::OnDevice::always, 3 * kMiB).train), nullptr);
  try {
    place(train::OnDevice::always, kMiB / 2);
    ADD_FAILURE() << "no error";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "data.on_device: always given for 40000 training and 0 validation samples (0.9 "
                 "MiB), and the device has 0.5 MiB free; auto or never is required");
  }
}
#endif

TEST_F(GpuResident, OnTheCpuTheKeyDoesNothing) {
  const train::RunData data{train::testing_models::tiny_images(40), {}, {}, {}, {}};
  train::DataOptions options;
  options.on_device = train::OnDevice::always;
  EXPECT_EQ(train::place_data(data, options, Cpu{}).train, data.train);
}

}  // namespace
}  // namespace weft
