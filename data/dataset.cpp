// SPDX-License-Identifier: Apache-2.0
#include "weft/data/dataset.h"

#include "weft/core/error.h"

namespace weft::data {

void Dataset::read_more(i64 /*index*/, std::span<std::byte* const> leaves) const {
  WEFT_CHECK(leaves.empty(),
             "{} ({}): its samples have {} more tensors, and its read_more() does not write them; "
             "one that does is required",
             info().name, info().split, leaves.size());
}

void Dataset::read_target(i64 index, void* target) const {
  std::vector<std::byte> sample(static_cast<std::size_t>(info().sample_bytes()));
  read(index, sample.data(), target);
}

}  // namespace weft::data
