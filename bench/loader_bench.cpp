// SPDX-License-Identifier: Apache-2.0
// The weft part of bench/loaders.py: reads a dataset through a loader and measures samples per
// second.
//
//   loader_bench DATA [key=value …]
//
// DATA is a section `data` of a config, such as '{type: cifar10, augment: [flip]}'. It reads the
// command "epoch WORKERS" from stdin.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "weft/core/config/config.h"
#include "weft/core/error.h"
#include "weft/data/loader.h"
#include "weft/train/run/run_config.h"
#include "weft/train/run/run_data.h"

namespace {
using namespace weft;

int measure(const std::string& data) {
  train::RunConfig config =
      config::load_text<train::RunConfig>("data: " + data + "\nmodel: mlp\n", "command line").value;
  config.data.common.normalize = train::Normalize::none;
  const train::RunData sets = train::load_data(config);
  std::printf("{\"ready\": true, \"samples\": %lld}\n", static_cast<long long>(sets.train->size()));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    i64 workers = 0;
    words >> verb >> workers;
    WEFT_CHECK(verb == "epoch", "loader_bench: '{}' is no command; epoch WORKERS is required",
               line);
    data::Loader loader(sets.train, {.batch_size = 128,
                                     .shuffle = true,
                                     .seed = 1,
                                     .prefetch = 4,
                                     .workers = workers,
                                     .augment = config.data.common.augment});
    i64 samples = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (auto& [x, y] : loader) samples += x.size(0);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("{\"samples\": %lld, \"seconds\": %.6f}\n", static_cast<long long>(samples),
                seconds);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  WEFT_CHECK(argc == 2, "loader_bench: {} arguments; one, a section `data`, is required", argc - 1);
  return measure(argv[1]);
} catch (const weft::Error& error) {
  std::fprintf(stderr, "loader_bench: %s\n", error.what());
  return error.exit_code();
}
