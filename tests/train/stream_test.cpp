// SPDX-License-Identifier: Apache-2.0
// Runs with data.type: stream, with producers in threads. tests/tools/stream_test.py has those in
// processes of their own.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/data/stream/producer.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_stream.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using test_support::message_of;

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_stream", [](const NoOptions&) { return testing_models::tiny_splits(60); });

class StreamedRuns : public InScratchFolder {
 protected:
  StreamedRuns() : InScratchFolder("streamed") {}

  std::string address() const { return "unix:" + (folder_ / "s").string(); }
  RunConfig config(const std::string& data, std::vector<std::string> keys = {}) const {
    keys.push_back("run.dir=" + dir().string());
    return config::load_text<RunConfig>("data: {type: stream, address: '" + address() + "', " +
                                            data +
                                            ", epoch_steps: 4}\n"
                                            "model: {type: mlp, hidden: [8]}\n"
                                            "train: {max_steps: 10, batch_size: 6}\n"
                                            "checkpoint: {every: 3ba}\n",
                                        "test.yaml", keys)
        .value;
  }
  static std::string with_stored() {
    return "stored: {type: tiny_for_stream}, validation_split: 0.2";
  }
  std::string refusal(const std::string& data, const std::vector<std::string>& keys = {}) const {
    return message_of([&] { Orchestrator(config(data, keys), "test"); });
  }
  // Sends zeros until the run takes no more, or `count` of them and an end mark. A run that is
  // stopped is waited for.
  void send(const data::DatasetInfo& info, i64 count) const {
    data::Producer producer(address(), {.name = "test"});
    const Tensor y = Tensor::full(info.target, 1, info.target_dtype);
    for (i64 i = producer.acknowledged(); count == 0 || i < count; ++i)
      if (!producer.send(Tensor::full(info.sample, static_cast<double>(i % 3), info.sample_dtype),
                         y))
        return;
    producer.end();
  }
};

TEST_F(StreamedRuns, ReachTheirStepsAndValidateStoredSamples) {
  Orchestrator run(config(with_stored()), "test");
  EXPECT_EQ(run.epochs(), 3);
  std::thread producer([&] { send(run.data().train->info(), 0); });
  const RunReport report = run.train();
  producer.join();
  EXPECT_EQ(report.steps, 10);
  EXPECT_EQ(report.epochs, 2);
  ASSERT_TRUE(report.validation);
  EXPECT_EQ(report.validation->samples, 12);
  EXPECT_TRUE(report.test);
  EXPECT_TRUE(fs::exists(dir() / "stream" / "producers.txt"));
}

// The second run needs more records than may wait, so that it is there for the producer.
TEST_F(StreamedRuns, GoOnWithAHigherLimitOfSteps) {
  const std::string data = with_stored() + ", stored_share: 0, capacity: 4";
  std::optional<data::DatasetInfo> info;
  for (const char* limit : {"10", "14"}) {
    Orchestrator run(config(data, {"resume=auto", std::string("train.max_steps=") + limit}),
                     "test");
    info = run.data().train->info();
    std::thread producer([&] { send(*info, 0); });
    EXPECT_EQ(run.train().steps, std::stoi(limit));
    producer.join();
  }
}

// Half of the samples of an accumulated step are there when the stop comes; it is made as a whole
// later.
TEST_F(StreamedRuns, AreStoppedWhileTheyWaitAndGoOn) {
  const std::vector<std::string> keys{"train.accumulate=2", "resume=auto"};
  const std::string data = with_stored() + ", stored_share: 0, timeout: 30";
  std::stop_source stop;
  std::optional<data::DatasetInfo> info;
  {
    Orchestrator run(config(data, keys), "test");
    info = run.data().train->info();
    std::thread producer([&] {
      data::Producer sends(address(), {.name = "test"});
      for (i64 i = 0; i < 31; ++i)
        sends.send(Tensor::full(info->sample, 0, info->sample_dtype),
                   Tensor::full(info->target, 1, info->target_dtype));
      sends.flush();
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      stop.request_stop();
    });
    const RunReport report = run.train(stop.get_token());
    producer.join();
    EXPECT_TRUE(report.stopped);
    EXPECT_EQ(report.steps, 2);
  }
  Orchestrator run(config(data, keys), "test");
  std::thread producer([&] { send(*info, 0); });
  const RunReport report = run.train();
  producer.join();
  EXPECT_EQ(report.steps, 10);
}

TEST_F(StreamedRuns, EndWithTheStream) {
  for (const i64 count : {24, 27}) {  // at the end of an epoch, and behind three samples of another
    fs::remove_all(dir());
    const std::string data = "sample: [3], classes: 2, normalize: none";
    Orchestrator run(config(data, {"resume=auto"}), "test");
    std::thread producer([&] { send(run.data().train->info(), count); });
    const RunReport report = run.train();
    producer.join();
    EXPECT_EQ(report.steps, (count + 5) / 6);
    EXPECT_EQ(report.ended_early, "the stream has ended");
    EXPECT_TRUE(report.failed.empty());
    EXPECT_FALSE(report.stopped);
    Orchestrator again(config(data, {"resume=auto"}), "test");
    EXPECT_EQ(again.train().steps, report.steps);  // nothing is waited for
  }
}

TEST_F(StreamedRuns, AreGivenUpWithoutRecords) {
  const std::string data = with_stored() + ", timeout: 0.3";
  {
    Orchestrator run(config(data), "test");
    std::thread producer([&] { send(run.data().train->info(), 13); });
    const RunReport report = run.train();
    producer.join();
    EXPECT_EQ(report.steps, 5);  // the last one is of two samples
    EXPECT_EQ(report.ended_early, "the stream has ended");
  }
  fs::remove_all(dir());
  Orchestrator run(config(data + ", producers: 2"), "test");
  std::thread producer([&] { send(run.data().train->info(), 13); });
  const RunReport report = run.train();
  producer.join();
  EXPECT_NE(report.failed.find("no record has come for 0.3 s"), std::string::npos);
  EXPECT_EQ(report.steps, 4);
  EXPECT_TRUE(report.saved);
  EXPECT_FALSE(report.test);
}

// The older checkpoints may need the first file of records. Their states are not read.
TEST_F(StreamedRuns, KeepTheRecordsOfTheOlderCheckpointsAfterAResume) {
  constexpr i64 kSample = i64{4} << 20, kRecord = kSample + 8, kRecords = 17;
  fs::create_directories(dir());
  {
    data::Journal journal(dir() / "stream", kRecord, 0, 0);
    const std::vector<std::byte> record(kRecord);
    for (i64 i = 1; i <= kRecords; ++i) journal.append("test", static_cast<u64>(i), record.data());
    ASSERT_EQ(journal.files().size(), 4U);  // the folder, two files of records, the producers
  }
  data::StreamSource options;
  options.address = address();
  options.sample = {kSample};
  options.sample_dtype = data::StreamDType::uint8;
  options.classes = 2;
  const data::StreamDataset dataset(options, nullptr);
  data::StreamState saved{.consumed = kRecords, .received = kRecords};
  RunStream stream(dataset);
  load_state([&](State& s) { stream.state(s); }, save_state([&](State& s) { s("stream", saved); }),
             "stream");
  stream.listen();
  stream.open(dir(), kRecords, {});
  const fs::path first = dir() / "stream" / "records-0.bin";
  stream.save(kRecords);
  stream.files_of_checkpoint(std::nullopt, kRecords, 2);
  EXPECT_TRUE(fs::exists(first));
  stream.note_checkpoint("step-2");
  stream.files_of_checkpoint(dir() / "checkpoints" / "step-2", kRecords, 2);
  EXPECT_FALSE(fs::exists(first));
}

TEST_F(StreamedRuns, GoOnInTheirOwnFolderOnly) {
  {
    Orchestrator run(config(with_stored(), {"checkpoint.every=1ba", "checkpoint.keep_last=99"}),
                     "test");
    std::thread producer([&] { send(run.data().train->info(), 0); });
    run.train();
    producer.join();
  }
  // An older checkpoint is resumed from after the newer ones are moved away.
  const std::vector<CheckpointName> saved = checkpoints_in(dir() / "checkpoints");
  ASSERT_GT(saved.size(), 1u);
  const std::string older = "resume=" + (dir() / "checkpoints" / saved.front().text()).string();
  const std::string message =
      message_of([&] { Orchestrator(config(with_stored(), {older}), "test"); });
  EXPECT_NE(message.find("which has " + saved.back().text() +
                         "; to go on from the older one, the newer ones have to be"),
            std::string::npos)
      << message;
  RunConfig elsewhere = config(with_stored(), {"resume=" + (dir() / "checkpoints/last").string()});
  elsewhere.run.dir = dir("other").string();
  EXPECT_NE(message_of([&] { Orchestrator(elsewhere, "test"); }).find("goes on in its own folder"),
            std::string::npos);
}

TEST_F(StreamedRuns, OptionsThatDoNotFitAreRefused) {
  const auto check = [&](const std::string& data, const std::vector<std::string>& keys,
                         const std::string& part) {
    const std::string message = refusal(data, keys);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  const std::string declared = "sample: [3], classes: 2, normalize: none";
  check(declared + ", " + with_stored(), {}, "either stored, or sample");
  check("normalize: none", {}, "either stored, or sample");
  check("sample: [3], classes: 2, target: [2], normalize: none", {}, "none beside classes");
  check("sample: [3], classes: 2", {}, "data.normalize: dataset given for a stream alone");
  check(declared + ", validation_split: 0.1", {}, "data.stored, of which samples are held out");
  check(declared, {"train.max_steps=0"}, "train.max_steps: 0 given for data.type: stream");
  check(declared + ", sampler: sequential", {}, "data.sampler: sequential given");
  check(declared + ", bad_samples: skip", {}, "data.bad_samples: skip given");
  check(declared + ", subset: 5", {}, "data.subset or train.overfit_batches");
  check(declared + ", timeout: 1e10", {}, "data.timeout");
  check("stored: {type: stream, address: 'unix:a', sample: [2], classes: 2}", {},
        "a dataset that is stored is required");
  check(declared, {"data.address=elsewhere:80"}, "unix:PATH, or tcp:127.0.0.1:PORT");
  EXPECT_FALSE(fs::exists(dir()));
}

}  // namespace
}  // namespace weft::train
