// SPDX-License-Identifier: Apache-2.0
// Runs that an older weft began (tools/make_old_runs.py) are continued and reach the same end as
// with the older weft.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using nlohmann::json;

const fs::path kOldRuns = fs::path(WEFT_SOURCE_ROOT) / "tests/train/old_runs";
constexpr std::array kNames{"mid_epoch", "accumulating", "chain",      "fp16",
                            "ema",       "plateau",      "adversarial"};

// The maximum difference of an element, relative to the largest element of its tensor, and of a
// metric, relative to itself or 1. 6e903a6 itself, with WEFT_SIMD=baseline and
// ONEDNN_MAX_CPU_ISA=SSE41 in place of AVX2, differed by up to 7e-7 in fp32, 2.2e-5 in fp16 and
// 1.2e-6 in a loss.
constexpr double kTolerance = 1e-4;
// The prediction of one sample may differ; the smallest split has 40 samples.
constexpr double kShareOfSample = 1.0 / 40;

json read_json(const fs::path& path) { return json::parse(text_of(path)); }

json hashes_of(const fs::path& checkpoint) {
  json hashes;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoint))
    if (entry.path().extension() == ".safetensors")
      for (const auto& [name, tensor] : read_safetensors(entry.path().string())) {
        Sha256 hash;
        hash.add(tensor.raw(), bytes_of(tensor));
        hashes[entry.path().filename().string()][name] = hash.hex();
      }
  return hashes;
}

// The result of the run, in the form of an entry of expected.json.
json end_of(const fs::path& run, const RunReport& report) {
  const fs::path last = run / "checkpoints/last";
  json metrics = json::array();
  for (const std::string& line : events_of(run)) metrics.push_back(json::parse(line));
  return {{"environment", CheckpointReader(last).about().environment},
          {"epochs", report.epochs},
          {"steps", report.steps},
          {"ended", report.ended_early},
          {"tensors", hashes_of(last)},
          {"metrics", metrics}};
}

bool close(const std::string& path, double before, double now) {
  const bool counts = path.ends_with("accuracy") || path.ends_with("top_k");
  const double allowed =
      counts ? kShareOfSample * 1.001 : kTolerance * std::max(1.0, std::abs(before));
  return std::abs(now - before) <= allowed;
}

// A list of the differences, by path. Only the names of tensors are compared here: today's sums are
// in double, so the bits are not those of the older weft.
std::vector<std::string> differences_beyond_rounding(json expected, json end,
                                                     const TensorMap& expected_weights,
                                                     const TensorMap& weights) {
  std::vector<std::string> found;
  const auto names = [](const json& files) {
    json all;
    for (const auto& [file, tensors] : files.items())
      for (const auto& [name, hash] : tensors.items()) all[file][name] = "";
    return all;
  };
  for (json* each : {&expected, &end}) {
    each->erase("environment");
    each->at("tensors") = names(each->at("tensors"));
  }
  const json before = expected.flatten(), now = end.flatten();  // by path
  for (const auto& [path, value] : now.items())
    if (!before.contains(path)) found.push_back(path + ": new");
  for (const auto& [path, value] : before.items()) {
    const json other = now.value(path, json("absent"));
    const bool same = value.is_number_float() && other.is_number_float() ? close(path, value, other)
                                                                         : value == other;
    if (!same) found.push_back(fmt::format("{}: {} -> {}", path, value.dump(), other.dump()));
  }
  for (const auto& [name, tensor] : expected_weights) {
    const auto its = weights.find(name);
    if (its == weights.end() || its->second.shape() != tensor.shape()) {
      found.push_back(name + ": another shape");
    } else if (tensor.dtype() == DType::f32) {
      double largest = 0, difference = 0;
      const auto a = tensor.values<float>(), b = its->second.values<float>();
      for (std::size_t i = 0; i < a.size(); ++i) {
        largest = std::max<double>(largest, std::abs(a[i]));
        difference = std::max<double>(difference, std::abs(a[i] - b[i]));
      }
      if (!(difference <= kTolerance * largest))
        found.push_back(fmt::format("{}: differs by {} of {}", name, difference, largest));
    }
  }
  return found;
}

class OldRuns : public InScratchFolder, public ::testing::WithParamInterface<const char*> {
 protected:
  OldRuns() : InScratchFolder("old_runs") {}
  ~OldRuns() override { set_threads(threads_); }

  // Continues a copy of the run to its end, as `weft train` does.
  json gone_on() const {
    fs::copy(kept() / "run", dir(), fs::copy_options::recursive);
    const RunConfig config =
        load_run_config(dir() / "config.yaml", {"run.dir=" + dir().string(), "resume=auto"}).value;
    apply_to_process(config.run);
    Orchestrator run(config, "config");
    const RunReport report = run.train();
    json end = end_of(dir(), report);
    if (fs::exists(dir() / "checkpoints/last/ema.safetensors")) test_as_before(run, report, end);
    return end;
  }
  // The older weft validated the average of the weights, but tested the weights themselves.
  static void test_as_before(Orchestrator& run, const RunReport& report, json& end) {
    Evaluator evaluator(run.model(), run.config().objective.loss,
                        {.metrics = run.config().validation.metrics,
                         .precision = run.config().precision,
                         .normalization = run.data().normalization});
    data::Loader loader(run.data().test, {.batch_size = run.data().test->size()});
    const Evaluation weights = evaluator.evaluate(loader);
    EXPECT_NE(weights.loss, report.test->loss);
    json& test = end.at("metrics").back();
    EXPECT_EQ(test.at("weights"), "ema");
    test.erase("weights");
    // The older weft did not name the epoch.
    const std::string ended = end.at("ended");
    EXPECT_TRUE(ended.ends_with("; the last was in epoch 2")) << ended;
    end.at("ended") = ended.substr(0, ended.find(';'));
    for (const auto& [name, value] : report.test->metrics) {
      EXPECT_EQ(test.at("test/" + name).get<double>(), value) << name;
      test.at("test/" + name) = weights.metrics.at(name);
    }
  }
  fs::path kept() const { return kOldRuns / GetParam(); }

 private:
  const int threads_ = threads();  // run.threads of the configs changes it
};

TEST_P(OldRuns, GoOnToTheSameEnd) {
  const json results = read_json(kept() / "expected.json");
  const json end = gone_on();
  EXPECT_EQ(differences_beyond_rounding(
                results.at(0), end, read_safetensors(kept() / "expected.safetensors"),
                read_safetensors(dir() / "checkpoints/last/model.safetensors")),
            std::vector<std::string>{});
}

TEST_P(OldRuns, AreComparedInEveryPart) {
  const json results = read_json(kept() / "expected.json");
  const json& result = results.at(0);
  const TensorMap weights = read_safetensors(kept() / "expected.safetensors");
  EXPECT_EQ(differences_beyond_rounding(result, result, weights, weights),
            std::vector<std::string>{});

  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    json damaged = result;
    damaged["tensors"][file].erase(damaged["tensors"][file].begin());
    EXPECT_EQ(differences_beyond_rounding(damaged, result, weights, weights).size(), 1u) << file;
  }
  json damaged = result;
  json& loss = damaged["metrics"].back()["test/loss"];
  loss = loss.get<double>() + 1e-3;
  EXPECT_EQ(differences_beyond_rounding(damaged, result, weights, weights).size(), 1u);
  damaged = result;
  damaged["steps"] = 7;
  EXPECT_EQ(differences_beyond_rounding(damaged, result, weights, weights).size(), 1u);

  TensorMap other = weights;
  for (auto& [name, tensor] : other) {
    tensor = tensor.clone();
    if (tensor.dtype() != DType::f32) continue;
    const auto values = tensor.values<float>();
    const float largest = *std::max_element(
        values.begin(), values.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    values[0] += std::abs(largest) * 1e-3f;
    EXPECT_EQ(differences_beyond_rounding(result, result, weights, other).size(), 1u) << name;
    values[0] = weights.at(name).values<float>()[0];
  }
}

// The hand-written config equals the resolved config of the checkpoint.
TEST_P(OldRuns, AcceptTheConfigAsItWasWritten) {
  fs::copy(kept() / "run", dir(), fs::copy_options::recursive);
  const auto written = [&](std::vector<std::string> keys) {
    keys.insert(keys.end(), {"run.dir=" + dir().string(), "resume=auto"});
    return load_run_config(kept() / "run.yaml", keys).value;
  };
  Log log;
  EXPECT_NE(find_resume(written({})).from, nullptr);
  EXPECT_FALSE(log.has("->")) << log.text();
  EXPECT_THROW(find_resume(written({"train.batch_size=17"})), UserError);
}

TEST(OldRunsFolder, HasARunForEachName) {
  std::set<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(kOldRuns))
    found.insert(entry.path().filename());
  EXPECT_EQ(found, std::set<std::string>(kNames.begin(), kNames.end()));
}

INSTANTIATE_TEST_SUITE_P(By6e903a6, OldRuns, ::testing::ValuesIn(kNames),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace weft::train
