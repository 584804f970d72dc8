// SPDX-License-Identifier: Apache-2.0
// Table: samples and targets from the columns of a CSV file.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "weft/core/enum_names.h"
#include "weft/data/sources.h"
#include "weft/data/tensor_dataset.h"

namespace weft::data {

// A sample has one f32 for each column of numbers, and one for each category of each categorical
// column (1 for its own, 0 for the others), in the order of the columns; categories are sorted.
//
// Categories, class names and the means of missing numbers are those of the training rows. Throws
// UserError, naming file, line and column, for what CsvFile refuses, a text in a column of numbers,
// a number outside f32, and a missing value if options.missing says so.
TrainAndTest read_tables(const CsvSource& options);

}  // namespace weft::data
