// SPDX-License-Identifier: Apache-2.0
// The checks of a dataset, and of every sample before it reaches a model.
#pragma once
#include <optional>
#include <span>

#include "weft/data/dataset.h"

namespace weft::data {

// The position of the first value that is NaN or infinite.
std::optional<i64> find_non_finite(std::span<const float> values);

// Throws UserError naming the dataset unless targets are int64 labels of a positive number of
// classes, or f32 with 0 classes, and each tensor of a sample has at most kMostCount elements.
void check_info(const DatasetInfo& info);

// Throws UserError naming dataset and split unless the index is in [0, size). read() calls it
// first.
void check_index(const DatasetInfo& info, i64 index, i64 size);

// Throws UserError naming dataset, split and sample when a value of the sample or of its target is
// not finite, or its label is not in [0, classes).
void check_target(const DatasetInfo& info, i64 index, const void* target);
void check_sample(const DatasetInfo& info, i64 index, const void* sample, const void* target);
// The same for a leaf of info.more, at `path`.
void check_leaf(const DatasetInfo& info, i64 index, const std::string& path, const TensorInfo& leaf,
                const void* elements);

}  // namespace weft::data
