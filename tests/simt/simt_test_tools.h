// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "weft/device/launch.h"
#include "weft/device/simt/simt.h"
#include "weft/testing/kernel_test.h"

namespace weft::testing {

// Returns the number of the line of planted_bugs.cuh that ends in "// mark: <mark>".
inline unsigned line_number_of(const std::string& mark) {
  std::ifstream file(WEFT_SOURCE_ROOT "/tests/simt/planted_bugs.cuh");
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number)
    if (line.ends_with("// mark: " + mark)) return number;
  ADD_FAILURE() << "no line is marked " << mark;
  return 0;
}
// Returns "planted_bugs.cuh:17".
inline std::string line_of(const std::string& mark) {
  return "planted_bugs.cuh:" + std::to_string(line_number_of(mark));
}

// Returns the kernel error that `body` throws, or nothing if it throws none.
template <class Body>
std::optional<simt::KernelError> kernel_error(const Body& body) {
  try {
    body();
  } catch (const simt::KernelError& error) {
    return error;
  }
  return std::nullopt;
}

// These check the message of an error that must exist.
#define EXPECT_FAULT(error, wanted)                         \
  do {                                                      \
    ASSERT_TRUE((error).has_value()) << "nothing reported"; \
    EXPECT_EQ((error)->fault(), wanted) << (error)->what(); \
  } while (false)
#define EXPECT_SAYS(error, text) \
  EXPECT_NE(std::string((error)->what()).find(text), std::string::npos) << (error)->what()

}  // namespace weft::testing
