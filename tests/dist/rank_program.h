// SPDX-License-Identifier: Apache-2.0
// What the programs of ranks (ranks.h) have in common.
#pragma once
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/dist/process_group.h"
#include "weft/tensor/tensor.h"

namespace weft::dist {

// Tests that start ranks are skipped in a build without Gloo.
#ifdef WEFT_HAS_GLOO
#define WEFT_NEEDS_GLOO()
#else
#define WEFT_NEEDS_GLOO() GTEST_SKIP() << "this build has no libweft_gloo.so"
#endif

// As the command does it.
[[noreturn]] inline void end_stuck(const std::string& sentence) {
  std::printf("error: %s\n", sentence.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

inline Launch launch_of_this_process() {
  return launch_of([](const char* name) { return std::getenv(name); }).value();
}

// Runs a program of a rank, as the command does: an error is a sentence and an exit code.
template <class F>
void as_command(F&& program) {
  int code = 0;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    program();
  } catch (const Error& error) {
    std::printf("error: %s\n", error.what());
    code = error.exit_code();
  }
  std::fflush(stdout);
  std::_Exit(testing::Test::HasFailure() ? 9 : code);
}

// Element i of rank r, exact in each dtype.
inline double value(i64 rank, i64 i) { return static_cast<double>((i * 7 + rank * 3) % 11); }
inline double total(i64 size, i64 i) {
  double sum = 0;
  for (i64 rank = 0; rank < size; ++rank) sum += value(rank, i);
  return sum;
}

template <class F>
Tensor filled(i64 elements, DType dtype, F&& f) {
  std::vector<double> values;
  for (i64 i = 0; i < elements; ++i) values.push_back(f(i));
  return Tensor::copy_of(values, {elements}).to(dtype);
}
template <class F>
void expect_values(const Tensor& x, F&& f) {
  const auto values = x.to(DType::f64).to_vector<double>();
  for (i64 i = 0; i < x.elements(); ++i)
    ASSERT_EQ(values[static_cast<std::size_t>(i)], f(i))
        << i << " of " << x.elements() << " " << name_of(x.dtype());
}

inline void say(const char* text) {
  std::printf("%s\n", text);
  std::fflush(stdout);
}

}  // namespace weft::dist
