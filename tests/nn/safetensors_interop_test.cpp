// SPDX-License-Identifier: Apache-2.0
// Tests with the reference implementation: each side reads the files of the other. WEFT_PYTHON
// names another interpreter than python3.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "weft/nn/safetensors.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

class SafetensorsInterop : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    if (!runs("import safetensors.numpy"))
      GTEST_SKIP() << "the Python package safetensors cannot be imported by " << python();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string python() {
    const char* given = std::getenv("WEFT_PYTHON");
    return given != nullptr ? given : "python3";
  }
  bool runs(const std::string& program) const {
    const std::string script = (folder_ / "program.py").string();
    std::ofstream(script) << "path = '" << path_ << "'\n" << program << "\n";
    const std::string command = python() + " " + script + " 2>" + (folder_ / "stderr").string();
    return std::system(command.c_str()) == 0;
  }
  std::string python_errors() const {
    std::ifstream file(folder_ / "stderr");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "weft_safetensors_interop";
  std::string path_ = (folder_ / "a.safetensors").string();
};

TEST_F(SafetensorsInterop, PythonReadsWhatWeftWrites) {
  TensorMap tensors;  // without bf16, which NumPy does not have
  tensors["w"] = Tensor::copy_of<float>(std::vector<float>{1, -2, 3.5f, 4, 5, 6}, {2, 3});
  tensors["f64"] = Tensor::full({2}, 0.1, DType::f64);
  tensors["f16"] = Tensor::full({3}, 0.5, DType::f16);
  tensors["i64"] = Tensor::full({2, 1}, -7, DType::int64);
  tensors["i32"] = Tensor::full({1}, 9, DType::int32);
  tensors["u8"] = Tensor::full({5}, 200, DType::uint8);
  tensors["scalar"] = Tensor::full({}, 8);
  tensors["empty"] = Tensor::zeros({0, 4});
  tensors["näme \"with\" .dots"] = Tensor::full({1}, 1);
  write_safetensors(path_, tensors, {{"format", "pt"}});
  EXPECT_TRUE(runs(R"(
import numpy, safetensors, safetensors.numpy
t = safetensors.numpy.load_file(path)
assert len(t) == 9, t.keys()
assert t['w'].dtype == numpy.float32 and t['w'].tolist() == [[1, -2, 3.5], [4, 5, 6]]
assert t['f64'].dtype == numpy.float64 and t['f64'].tolist() == [0.1, 0.1]
assert t['f16'].dtype == numpy.float16 and t['f16'].tolist() == [0.5] * 3
assert t['i64'].tolist() == [[-7], [-7]] and t['i32'].tolist() == [9] and t['u8'].tolist() == [200] * 5
assert t['scalar'].shape == () and t['scalar'] == 8 and t['empty'].shape == (0, 4)
with safetensors.safe_open(path, 'numpy') as f: assert f.metadata() == {'format': 'pt'}
)")) << python_errors();
}

TEST_F(SafetensorsInterop, WeftReadsWhatPythonWrites) {
  ASSERT_TRUE(runs(R"(
import numpy, safetensors.numpy
safetensors.numpy.save_file({
  'w': numpy.array([[1, -2, 3.5], [4, 5, 6]], numpy.float32), 'u8': numpy.array([1, 255], numpy.uint8),
  'f64': numpy.array([0.1]), 'scalar': numpy.array(3, numpy.int64), 'empty': numpy.zeros((0, 2), numpy.float16),
}, path, {'k': 'v'})
)")) << python_errors();
  Metadata metadata;
  const TensorMap tensors = read_safetensors(path_, &metadata);
  EXPECT_EQ(metadata, (Metadata{{"k", "v"}}));
  ASSERT_EQ(tensors.size(), 5u);
  EXPECT_EQ(tensors.at("w").shape(), (Shape{2, 3}));
  EXPECT_EQ(tensors.at("w").to_vector<float>(), (std::vector<float>{1, -2, 3.5f, 4, 5, 6}));
  EXPECT_EQ(tensors.at("u8").to_vector<u8>(), (std::vector<u8>{1, 255}));
  EXPECT_EQ(tensors.at("f64").to_vector<double>(), std::vector<double>{0.1});
  EXPECT_EQ(tensors.at("scalar").item<i64>(), 3);
  EXPECT_EQ(tensors.at("empty").dtype(), DType::f16);
}

}  // namespace
}  // namespace weft
