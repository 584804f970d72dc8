// SPDX-License-Identifier: Apache-2.0
// Support for tests of modules.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/nn/nn.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::nn {

// Values that have no pattern, so that swapped axes show.
inline Tensor numbers(const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(0.731 * static_cast<double>(i) + 0.3) +
                0.5 * std::sin(0.0137 * static_cast<double>(i));
  return Tensor::copy_of(values, shape).to(dtype);
}

inline std::vector<double> doubles(const Tensor& t) { return t.to(DType::f64).to_vector<double>(); }

inline void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.shape(), b.shape());
  const std::vector<double> x = doubles(a), y = doubles(b);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << "element " << i;
}
inline void expect_same(const Tensor& a, const Tensor& b) { expect_near(a, b, 0.0); }

inline std::vector<std::string> names_of(Module& module) {
  std::vector<std::string> names;
  for (const NamedParameter& p : module.named_parameters()) names.push_back(p.name);
  return names;
}

// Returns the message of the error, of exit code 2, that `f` must throw.
template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

// The path of a file in a temporary folder.
class TempFile {
 public:
  std::string path() const { return (folder_.path() / "a.safetensors").string(); }

 private:
  test_support::ScratchFolder folder_{"nn"};
};

}  // namespace weft::nn

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
