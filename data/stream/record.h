// SPDX-License-Identifier: Apache-2.0
// A record of a stream: one sample and its target, as the bytes of a safetensors file with the
// tensors x and y. Their shapes and dtypes are those of DatasetInfo.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "weft/data/dataset.h"

namespace weft::data {

// The largest number of bytes that a record may take.
i64 most_record_bytes(const DatasetInfo& info);

// Copies x and y to `sample` and `target` (info.sample_bytes() and info.target_bytes() bytes).
// Throws UserError, in one sentence about the record, for bytes that are no safetensors file, for
// other tensors, for values that are not finite, and for a label out of range. `number` is part of
// the message. The caller says whose record it is.
void read_record(std::span<const u8> bytes, const DatasetInfo& info, i64 number, std::byte* sample,
                 std::byte* target);

// What a producer is told of its records:
// {"x": {"dtype": "U8", "shape": [28, 28, 1]}, "y": {"dtype": "I64", "shape": []}}
std::string record_description(const DatasetInfo& info);

}  // namespace weft::data
