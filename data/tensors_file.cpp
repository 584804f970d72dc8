// SPDX-License-Identifier: Apache-2.0
// data.type: tensors, samples from a safetensors file.
#include <algorithm>
#include <memory>

#include "weft/core/error.h"
#include "weft/data/sources.h"
#include "weft/data/subset.h"
#include "weft/data/tensor_dataset.h"
#include "weft/nn/safetensors.h"

namespace weft::data {
namespace {

constexpr i64 kMostClasses = 1'000'000;

const StoredTensor* stored_in(const SafetensorsFile& file, const std::string& name) {
  const auto& all = file.tensors();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const StoredTensor& s) { return s.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// Throws for a tensor that weft cannot hold too.
Tensor entry_of(const SafetensorsFile& file, const std::string& name, const TensorsSource& source) {
  const StoredTensor* stored = stored_in(file, name);
  WEFT_CHECK(stored != nullptr,
             "tensors: {} has no tensor '{}'; x (samples) and y (targets) are required",
             source.path, name);
  Tensor tensor = file.read(*stored);
  WEFT_CHECK(tensor.rank() > 0,
             "tensors: {}: '{}' is one value; a first axis of samples is required", source.path,
             name);
  WEFT_CHECK(tensor.size(0) > 0,
             "tensors: {}: '{}' is {}, which are no samples; at least one is "
             "required",
             source.path, name, tensor.shape());
  WEFT_CHECK(tensor.elements() > 0, "tensors: {}: '{}' is {}; samples with elements are required",
             source.path, name, tensor.shape());
  return tensor;
}

bool is_integer(DType dtype) {
  return dtype == DType::uint8 || dtype == DType::int32 || dtype == DType::int64;
}

// Labels are the integers of y, of any type.
TensorDataset::Content content_of(const SafetensorsFile& file, const TensorsSource& source,
                                  const std::string& split, i64 classes) {
  const std::string ending = split == "train" ? "" : "_" + split;
  Tensor x = entry_of(file, "x" + ending, source), y = entry_of(file, "y" + ending, source);
  WEFT_CHECK(x.rank() > 1,
             "tensors: {}: 'x{}' is {}; (samples, …) is required, such as ({}, 1) for one number "
             "a sample",
             source.path, ending, x.shape(), x.size(0));
  DatasetInfo info;
  info.name = "tensors";
  info.split = split;
  if (x.dtype() != DType::uint8) x = x.to(DType::f32);
  if (!is_integer(y.dtype())) {
    WEFT_CHECK(source.classes == 0,
               "tensors: {}: data.classes: {} given, and 'y{}' is {}; labels (integers) are "
               "required, or data.classes: 0 for numbers",
               source.path, source.classes, ending, y.dtype());
    return {info, x, y.to(DType::f32)};
  }
  y = y.to(DType::int64);
  const std::vector<i64> labels = y.to_vector<i64>();
  info.classes = classes;
  if (classes == 0 && !labels.empty()) {
    const i64 largest = *std::max_element(labels.begin(), labels.end());
    WEFT_CHECK(largest < kMostClasses, "tensors: {}: a label of y is {}; at most {} is allowed",
               source.path, largest, kMostClasses - 1);
    info.classes = std::max<i64>(largest, 0) + 1;
  }
  WEFT_CHECK(info.classes > 1 ||
                 std::any_of(labels.begin(), labels.end(), [](i64 label) { return label != 0; }),
             "tensors: {}: every label of 'y{}' is 0; at least two classes are required",
             source.path, ending);
  return {info, x, y};
}

TrainAndTest read_tensors(const TensorsSource& o) {
  const SafetensorsFile file(o.path);
  WEFT_CHECK(stored_in(file, "x_test") != nullptr || stored_in(file, "y_test") == nullptr,
             "tensors: {} has a tensor 'y_test' and no 'x_test'; both or none are required",
             o.path);
  const auto train = std::make_shared<TensorDataset>(content_of(file, o, "train", o.classes));
  TrainAndTest result{train, nullptr, place_of(o.path)};
  if (stored_in(file, "x_test") != nullptr)
    result.test =
        std::make_shared<TensorDataset>(content_of(file, o, "test", train->info().classes));
  else hold_out_test(result, o.test_split);
  return result;
}

}  // namespace

void describe(Fields& f, TensorsSource& o) {
  f("path", o.path,
    "safetensors file with x (samples first; uint8 or floating) and y (integers: labels; floating: "
    "numbers), and for a test x_test and y_test",
    required(is_path));
  f("classes", o.classes, "number of labels; 0: the largest in y, and one",
    in_range(0, static_cast<double>(kMostClasses)));
  f("test_split", o.test_split, "share held out for the test where there is no x_test",
    from_to_below(0, 1));
}

static const bool registered = Registry<Dataset>::add<TensorsSource>("tensors", read_tensors);

DataRecipe tensors(const TensorsSource& options) { return DataRecipe::of("tensors", options); }

}  // namespace weft::data
