// SPDX-License-Identifier: Apache-2.0
// TensorDataset: samples in memory, one per entry of the first axis of two tensors.
#pragma once
#include <utility>

#include "weft/data/dataset.h"
#include "weft/tensor/tensor.h"

namespace weft::data {

class TensorDataset : public Dataset {
 public:
  struct Content {
    DatasetInfo info;
    Tensor samples, targets;
  };

  // `samples` is (count, …) in uint8 (images: (count, height, width, channels)) or f32. `targets`
  // is (count) in int64, labels in [0, classes); or (count, …) in f32 with classes = 0. Both are on
  // the CPU. They are shared, not copied, and must not be written afterwards. `info` gives name,
  // split, classes and class_names. Shapes and types follow from the tensors; missing class names
  // are "0", "1", …. Throws UserError for tensors that do not fit together, no samples, a label out
  // of range, and values that are not finite.
  TensorDataset(DatasetInfo info, Tensor samples, Tensor targets);
  explicit TensorDataset(Content content)
      : TensorDataset(std::move(content.info), std::move(content.samples),
                      std::move(content.targets)) {}

  i64 size() const override { return size_; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override;
  void read_target(i64 index, void* target) const override;

  const Tensor& samples() const { return samples_; }
  const Tensor& targets() const { return targets_; }

 private:
  DatasetInfo info_;
  Tensor samples_, targets_;
  i64 size_ = 0;
};

}  // namespace weft::data
