// SPDX-License-Identifier: Apache-2.0
#include "exercise.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace learn {

void expect(bool condition, const std::string& sentence) {
  if (!condition) throw std::runtime_error(sentence);
}

void expect(const std::string& what, double actual, double required, double tolerance) {
  const bool equal = std::abs(actual - required) <= tolerance;  // false for NaN
  if (!equal)
    throw std::runtime_error(
        fmt::format("{} is {:.7g}; {:.7g} is required", what, actual, required));
}

void expect(const std::string& what, const std::vector<double>& actual,
            const std::vector<double>& required, double tolerance) {
  if (actual.size() != required.size())
    throw std::runtime_error(
        fmt::format("{} has {} elements; {} are required", what, actual.size(), required.size()));
  for (std::size_t i = 0; i < actual.size(); ++i)
    expect(fmt::format("element {} of {}", i, what), actual[i], required[i], tolerance);
}

int run(int argc, char** argv, const std::vector<void (*)()>& tests) {
  const int count = static_cast<int>(tests.size());
  const int only = argc > 1 ? std::atoi(argv[1]) : 0;
  if (argc > 1 && (only < 1 || only > count)) {
    std::fprintf(stderr, "exercise '%s': a number from 1 to %d is required\n", argv[1], count);
    return 2;
  }
  int code = 0;
  for (int i = 1; i <= count; ++i) {
    if (only != 0 && i != only) continue;
    try {
      tests[static_cast<std::size_t>(i - 1)]();
      std::printf("exercise %d passes\n", i);
    } catch (const std::exception& e) {
      std::printf("exercise %d: %s.\n", i, e.what());
      code = 1;
    }
  }
  return code;
}

}  // namespace learn
