// SPDX-License-Identifier: Apache-2.0
// What the loggers cost the thread that trains: logger_bench [ROUNDS]
//
// Runs with and without loggers alternate. Their steps take about a twentieth of a millisecond, so
// that the difference shows; it is printed as a share of a step of one millisecond. Time is that of
// the processor for this thread, from the first step to the last. $WEFT_PYTHON must have wandb.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "weft/bench/arguments.h"
#include "weft/core/config/config.h"
#include "weft/core/log.h"
#include "weft/device/parallel.h"
#include "weft/train/loggers/histogram.h"
#include "weft/train/run/orchestrator.h"

namespace {

using namespace weft;

// About 1,000 steps an epoch, an event of some kind every 50 steps, histograms once an epoch.
constexpr const char* kConfig = R"(
data: {type: digits, train_size: 4000, test_size: 20, validation_split: 0.01}
model: {type: mlp, hidden: [8]}
train: {epochs: 5, batch_size: 4}
callbacks: [{type: gradient_monitor, every: 50ba}]
)";

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Stopwatch final : train::Callback {
  void on_step_end(train::Trainer&, const optim::StepOutcome&) override {
    last = thread_seconds();
    if (steps++ == 0) first = last;
  }
  double first = 0, last = 0;
  i64 steps = 0;
};

double microseconds_per_step(const std::string& dir, const std::string& loggers) {
  std::filesystem::remove_all(dir);
  const auto config = config::load_text<train::RunConfig>(kConfig, "bench.yaml",
                                                          {"run.dir=" + dir, "loggers=" + loggers});
  train::Orchestrator run(config.value, "bench");
  const auto stopwatch = std::make_shared<Stopwatch>();
  run.add_callback(stopwatch);
  run.train();
  return (stopwatch->last - stopwatch->first) / static_cast<double>(stopwatch->steps - 1) * 1e6;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

void time_histograms() {
  std::vector<float> values(1'000'000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i * 2654435761u % 1000003) / 1000003 - 0.5f;
  const double start = thread_seconds();
  double count = 0;
  for (int i = 0; i < 10; ++i) count += train::histogram_of(values, 0.5).count;
  std::printf("histogram: %.2f ns a value\n", (thread_seconds() - start) / count * 1e9);
}

}  // namespace

int main(int argc, char** argv) try {
  WEFT_CHECK(argc <= 2, "logger_bench: {} arguments given; at most ROUNDS is required", argc - 1);
  const int rounds = argc > 1 ? number_of(argv[1], "ROUNDS") : 9;
  set_threads(1);
  set_log_sink([](LogLevel level, std::string_view message) {
    if (level == LogLevel::warning)
      std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  });
  const std::string dir = (std::filesystem::temp_directory_path() / "weft-logger-bench").string();
  const std::vector<std::string> kinds{"[]", "[{type: tensorboard, histograms: 0}]",
                                       "[tensorboard]", "[{type: wandb, mode: offline}]",
                                       "[tensorboard, {type: wandb, mode: offline}]"};
  std::vector<std::vector<double>> times(kinds.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < kinds.size(); ++i)
      times[i].push_back(microseconds_per_step(dir, kinds[i]));
  const double plain = median(times[0]);
  for (std::size_t i = 0; i < kinds.size(); ++i)
    std::printf("%-48s %7.2f us a step, %+.2f us: %+.2f %% of 1 ms\n", kinds[i].c_str(),
                median(times[i]), median(times[i]) - plain, (median(times[i]) - plain) / 10);
  time_histograms();
  std::filesystem::remove_all(dir);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
