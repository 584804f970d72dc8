// SPDX-License-Identifier: Apache-2.0
#include "weft/data/tensor_dataset.h"

#include <cstring>

#include "weft/core/error.h"
#include "weft/data/check.h"

namespace weft::data {
namespace {

const std::byte* entry(const Tensor& tensor, i64 index, i64 bytes) {
  return static_cast<const std::byte*>(tensor.raw()) + index * bytes;
}

}  // namespace

TensorDataset::TensorDataset(DatasetInfo info, Tensor samples, Tensor targets)
    : info_(std::move(info)), samples_(std::move(samples)), targets_(std::move(targets)) {
  const auto& name = info_.name;
  WEFT_CHECK(
      samples_.rank() >= 1 && targets_.rank() >= 1 && samples_.size(0) == targets_.size(0),
      "{}: samples are {} and targets {}; both must have the samples as first axis, equally many",
      name, samples_.shape(), targets_.shape());
  WEFT_CHECK(samples_.dtype() == DType::uint8 || samples_.dtype() == DType::f32,
             "{}: samples are {}; uint8 or f32 is required", name, samples_.dtype());
  info_.sample = samples_.shape().without(0);
  info_.sample_dtype = samples_.dtype();
  info_.target = targets_.shape().without(0);
  info_.target_dtype = targets_.dtype();
  check_info(info_);
  WEFT_CHECK(!info_.has_labels() || targets_.rank() <= 2,
             "{}: labels are {}; one label per sample, shape ({}), or one per position, shape ({}, "
             "positions), is required",
             name, targets_.shape(), samples_.size(0), samples_.size(0));
  size_ = samples_.size(0);
  WEFT_CHECK(size_ > 0, "{} ({}): the dataset is empty; at least one sample is required", name,
             info_.split);

  if (info_.class_names.empty())
    for (i64 i = 0; i < info_.classes; ++i) info_.class_names.push_back(std::to_string(i));
  WEFT_CHECK(static_cast<i64>(info_.class_names.size()) == info_.classes,
             "{}: {} class names for {} classes; one name per class is required", name,
             info_.class_names.size(), info_.classes);
  for (i64 i = 0; i < size_; ++i)
    check_sample(info_, i, entry(samples_, i, info_.sample_bytes()),
                 entry(targets_, i, info_.target_bytes()));
}

void TensorDataset::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, size_);
  const i64 bytes = info_.sample_bytes();
  std::memcpy(sample, entry(samples_, index, bytes), static_cast<std::size_t>(bytes));
  read_target(index, target);
}

void TensorDataset::read_target(i64 index, void* target) const {
  check_index(info_, index, size_);
  const i64 bytes = info_.target_bytes();
  std::memcpy(target, entry(targets_, index, bytes), static_cast<std::size_t>(bytes));
}

}  // namespace weft::data
