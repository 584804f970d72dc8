// SPDX-License-Identifier: Apache-2.0
// data.type: tensors.
#include <fstream>

#include <gtest/gtest.h>

#include "weft/core/files.h"
#include "weft/data/sources.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

class TensorFiles : public ::testing::Test {
 protected:
  std::string write(const TensorMap& tensors) const {
    std::string path = folder_.path() / "a.safetensors";
    write_safetensors(path, tensors);
    return path;
  }
  std::string refusal(const TensorMap& tensors, TensorsSource source = {}) const {
    source.path = write(tensors);
    return user_error_of([&] { data::tensors(source).make(); });
  }
  TempFolder folder_;
};

TEST_F(TensorFiles, HaveLabelsOrNumbers) {
  const Tensor x = Tensor::copy_of(std::vector<double>{1, 2, 3, 4}, {2, 2});
  const Tensor labels = Tensor::copy_of(std::vector<i32>{2, 0}, {2});
  const TrainAndTest data =
      data::tensors({.path = write({{"x", x}, {"y", labels}, {"more", x}}), .test_split = 0})
          .make();
  EXPECT_EQ(data.train->info().classes, 3);
  EXPECT_EQ(data.train->info().sample_dtype, DType::f32);
  float sample[2] = {};
  i64 label = 0;
  data.train->read(0, sample, &label);
  EXPECT_EQ(sample[1], 2.0F);
  EXPECT_EQ(label, 2);
  const TrainAndTest numbers =
      data::tensors({.path = write({{"x", x}, {"y", x}, {"x_test", x}, {"y_test", x}})}).make();
  EXPECT_FALSE(numbers.train->info().has_labels());
  EXPECT_EQ(numbers.train->info().target, (Shape{2}));
  EXPECT_EQ(numbers.test->size(), 2);
}

// A tensor that is there and that weft cannot hold is not missing.
TEST_F(TensorFiles, SayWhyATensorCannotBeRead) {
  const std::string path =
      write({{"x", Tensor::zeros({2, 3})}, {"y", Tensor::full({2}, -1, DType::int64)}});
  std::string text = read_file(path, 1 << 20);
  text.replace(text.find("\"I64\""), 5, "\"U64\"");
  std::ofstream(path, std::ios::binary) << text;
  const std::string message =
      user_error_of([&] { data::tensors({.path = path, .test_split = 0}).make(); });
  EXPECT_NE(message.find("its element 0 is above 2^63 - 1"), std::string::npos) << message;
}

TEST_F(TensorFiles, ThatDoNotFitAreRefused) {
  const Tensor x = Tensor::zeros({3, 2}, DType::uint8);
  const Tensor two = Tensor::copy_of(std::vector<i64>{0, 1, 0}, {3});
  EXPECT_NE(refusal({{"x", x}}).find("has no tensor 'y'"), std::string::npos);
  EXPECT_NE(
      refusal({{"x", x}, {"y", Tensor::copy_of(std::vector<i64>{0, 1}, {2})}}, {.test_split = 0})
          .find("equally many"),
      std::string::npos);
  const Tensor none = Tensor::zeros({0, 2}, DType::uint8),
               labels = Tensor::zeros({0}, DType::int64);
  EXPECT_NE(refusal({{"x", none}, {"y", labels}})
                .find("a.safetensors: 'x' is (0, 2), which are no samples; at least one is"),
            std::string::npos);
  EXPECT_NE(refusal({{"x", x}, {"y", two}, {"x_test", none}, {"y_test", labels}})
                .find("'x_test' is (0, 2), which are no samples"),
            std::string::npos);
  EXPECT_NE(refusal({{"x", x}, {"y", Tensor::zeros({}, DType::int64)}}).find("'y' is one value"),
            std::string::npos);
  EXPECT_NE(refusal({{"x", Tensor::zeros({3, 0}, DType::uint8)}, {"y", labels}})
                .find("'x' is (3, 0); samples with elements are required"),
            std::string::npos);
  const Tensor huge = Tensor::full({3}, 1e9, DType::int64);
  EXPECT_NE(refusal({{"x", x}, {"y", huge}}).find("at most 999999"), std::string::npos);
  const Tensor negative = Tensor::full({3}, -1, DType::int64);
  EXPECT_NE(refusal({{"x", x}, {"y", negative}}).find("label"), std::string::npos);
  EXPECT_NE(refusal({{"x", x}, {"y", two}, {"x_test", x}}).find("has no tensor 'y_test'"),
            std::string::npos);
}

// The numbers would have no axis that a layer or a normalization is of.
TEST_F(TensorFiles, OfOneNumberASampleHaveAnAxisForIt) {
  const Tensor x = Tensor::zeros({100}), y = Tensor::zeros({100});
  EXPECT_NE(refusal({{"x", x}, {"y", y}})
                .find("a.safetensors: 'x' is (100); (samples, …) is required, such as (100, 1)"),
            std::string::npos);
  EXPECT_NE(refusal({{"x", Tensor::zeros({100, 1})}, {"y", y}, {"x_test", x}, {"y_test", y}})
                .find("'x_test' is (100); (samples, …) is required"),
            std::string::npos);
}

TEST_F(TensorFiles, WithWhatWouldBeIgnoredAreRefused) {
  const Tensor x = Tensor::zeros({3, 2}), labels = Tensor::copy_of(std::vector<i64>{0, 1, 0}, {3}),
               numbers = Tensor::zeros({3, 1});
  EXPECT_NE(refusal({{"x", x}, {"y", labels}, {"y_test", labels}})
                .find("a.safetensors has a tensor 'y_test' and no 'x_test'; both or none"),
            std::string::npos);
  EXPECT_NE(refusal({{"x", x}, {"y", numbers}}, {.classes = 3})
                .find("data.classes: 3 given, and 'y' is f32; labels (integers) are required"),
            std::string::npos);
}

TEST_F(TensorFiles, OfOneClassAreRefused) {
  const Tensor x = Tensor::zeros({3, 2}), zeros = Tensor::zeros({3}, DType::int64);
  EXPECT_NE(refusal({{"x", x}, {"y", zeros}})
                .find("a.safetensors: every label of 'y' is 0; at least two classes are required"),
            std::string::npos);
  EXPECT_NE(refusal({{"x", x}, {"y", zeros}}, {.classes = 1}).find("every label of 'y' is 0"),
            std::string::npos);
}

TEST_F(TensorFiles, OfNumPyAreNamed) {
  const auto said = [&](std::string begin) {
    const std::string path = folder_.path() / "a.npz";
    begin.resize(200, '\0');
    std::ofstream(path, std::ios::binary) << begin;
    return user_error_of([&] { data::tensors({.path = path}).make(); });
  };
  EXPECT_NE(said("\x93NUMPY\x01")
                .find("a.npz: it is a file of NumPy (.npy); a safetensors file "
                      "is required"),
            std::string::npos);
  EXPECT_NE(said("PK\x03\x04\x14")
                .find("it is a ZIP archive (as .npz and .pt are); a safetensors "
                      "file is required"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::data
