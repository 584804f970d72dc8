// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>

#include "weft/tensor/tensor.h"

namespace weft::train {

// The valid rows: those whose label is not `ignored`.
struct ValidRows {
  i64 count = 0;
  Tensor rows, labels;  // int64 (count), on the device of the labels: row indices, and their labels
};
// `labels`: int64 (rows). Reads them on the host.
ValidRows valid_rows(const Tensor& labels, i64 ignored);

// The divisor of a mean over labels: the sum of their class weights, which are 1 if none are given.
// Ignored labels have weight 0. `labels`: int64 of any shape. Reads them on the host, unless all
// weights are 1.
double weight_of_labels(const Tensor& labels, std::span<const double> class_weights,
                        std::optional<i64> ignored);

}  // namespace weft::train
