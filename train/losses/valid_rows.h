// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>

#include "weft/tensor/tensor.h"

namespace weft::train {

// The rows that count: those whose label is not `ignored`.
struct ValidRows {
  i64 count = 0;
  Tensor rows, labels;  // int64 (count), on the device of the labels: indices, and the labels there
};
// `labels`: int64 (rows). Reads them on the host.
ValidRows valid_rows(const Tensor& labels, i64 ignored);

// What a mean over them divides by: each counts as often as its class weight says (none given:
// once), the ignored ones never. `labels`: int64 of any shape. Reads them on the host, unless each
// counts once.
double weight_of_labels(const Tensor& labels, std::span<const double> class_weights,
                        std::optional<i64> ignored);

}  // namespace weft::train
