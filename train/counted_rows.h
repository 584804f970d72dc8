// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/tensor/tensor.h"

namespace weft::train {

// The rows that count: those whose label is not `ignored`.
struct CountedRows {
  i64 count = 0;
  Tensor rows, labels;  // int64 (count), on the device of the labels: indices, and the labels there
};
// `labels`: int64 (rows). Reads them on the host.
CountedRows counted_rows(const Tensor& labels, i64 ignored);

}  // namespace weft::train
