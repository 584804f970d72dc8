// SPDX-License-Identifier: Apache-2.0
// A text by which ranks notice that they have read different data.
#pragma once
#include <string>

#include "weft/train/run/run_data.h"

namespace weft::train {

// A line for each dataset: sizes, shapes, and a hash over targets and some of the samples.
// Different data may give the same text only if it differs in samples that were not looked at:
// beyond the first 64 thousand targets, evenly spread, and 64 whole samples.
std::string digest_of(const RunData& data);

}  // namespace weft::train
