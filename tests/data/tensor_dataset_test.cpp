// SPDX-License-Identifier: Apache-2.0
#include "weft/data/tensor_dataset.h"

#include <cmath>

#include <gtest/gtest.h>

#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

DatasetInfo named(i64 classes) {
  DatasetInfo info;
  info.name = "mine";
  info.split = "train";
  info.classes = classes;
  return info;
}

Tensor numbers(const Shape& shape) { return Tensor::zeros(shape); }
Tensor labels(const std::vector<i64>& values) {
  return Tensor::copy_of(values, {static_cast<i64>(values.size())});
}

TEST(TensorDataset, HoldsImagesAndLabels) {
  const Tensor images = Tensor::copy_of(Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 1, 2, 3});
  const TensorDataset set{named(3), images, labels({2, 0})};
  EXPECT_EQ(set.size(), 2);
  EXPECT_EQ(set.info().sample, (Shape{1, 2, 3}));
  EXPECT_EQ(set.info().sample_dtype, DType::uint8);
  EXPECT_EQ(set.info().class_names, (std::vector<std::string>{"0", "1", "2"}));
  Bytes sample(6);
  i64 label = -1;
  set.read(1, sample.data(), &label);
  EXPECT_EQ(sample, (Bytes{7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(label, 0);
}

TEST(TensorDataset, HoldsNumbersAndTargets) {
  const Tensor x = Tensor::copy_of(std::vector<float>{1, 2, 3, 4}, {2, 2});
  const Tensor y = Tensor::copy_of(std::vector<float>{5, 6}, {2, 1});
  const TensorDataset set{named(0), x, y};
  EXPECT_FALSE(set.info().has_labels());
  EXPECT_EQ(set.info().target, Shape{1});
  float sample[2], target = 0;
  set.read(1, sample, &target);
  EXPECT_EQ(sample[0], 3);
  EXPECT_EQ(sample[1], 4);
  EXPECT_EQ(target, 6);
}

TEST(TensorDataset, NamesWhatDoesNotFit) {
  const auto error = [](const DatasetInfo& info, const Tensor& x, const Tensor& y) {
    return user_error_of([&] { TensorDataset(info, x, y); });
  };
  EXPECT_EQ(error(named(2), numbers({3, 2}), labels({0, 1})),
            "mine: samples are (3, 2) and targets (2); both must have the samples as first axis, "
            "equally many");
  EXPECT_EQ(error(named(2), numbers({0, 2}), labels({})),
            "mine (train): the dataset is empty; at least one sample is required");
  EXPECT_EQ(error(named(2), Tensor::zeros({2, 2}, DType::f64), labels({0, 1})),
            "mine: samples are f64; uint8 or f32 is required");
  EXPECT_CONTAINS(error(named(2), numbers({2, 2}), numbers({2})),
                  "mine: targets are f32 with 2 classes;");
  EXPECT_CONTAINS(error(named(0), numbers({2, 2}), labels({0, 1})),
                  "with 0 classes; f32 is required");
  EXPECT_CONTAINS(
      error(named(2), numbers({2, 2}), Tensor::zeros({2, 1, 1}, DType::int64)),
      "mine: labels are (2, 1, 1); one label per sample, shape (2), or one per position, "
      "shape (2, positions), is required");
  EXPECT_EQ(error(named(3), numbers({2, 2}), labels({0, 1, 2, 3}).reshape({2, 2})),
            "mine (train): the label of sample 1 is 3; a class from 0 to 2 is required");
  EXPECT_EQ(error(named(2), numbers({2, 2}), labels({0, 2})),
            "mine (train): the label of sample 1 is 2; a class from 0 to 1 is required");
  EXPECT_EQ(error(named(2), numbers({2, 2}), labels({-1, 0})),
            "mine (train): the label of sample 0 is -1; a class from 0 to 1 is required");
  DatasetInfo info = named(2);
  info.class_names = {"cat"};
  EXPECT_EQ(error(info, numbers({2, 2}), labels({0, 1})),
            "mine: 1 class names for 2 classes; one name per class is required");
}

TEST(TensorDataset, NamesElementsThatAreNotFinite) {
  std::vector<float> values(300, 1.0f);
  values[207] = NAN;
  const Tensor x = Tensor::copy_of(values, {3, 100});
  EXPECT_EQ(
      user_error_of([&] {
        TensorDataset(named(2), x, labels({0, 1, 0}));
      }),
      "mine (train): the input of sample 2 holds nan at position 7; finite values are required");
  const Tensor y = Tensor::copy_of(std::vector<float>{1, INFINITY, 2}, {3});
  EXPECT_EQ(
      user_error_of([&] {
        TensorDataset(named(0), numbers({3, 1}), y);
      }),
      "mine (train): the target of sample 1 holds inf at position 0; finite values are required");
}

}  // namespace
}  // namespace weft::data
