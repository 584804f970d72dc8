// SPDX-License-Identifier: Apache-2.0
#include "weft/data/dataset.h"

#include <cstddef>

namespace weft::data {

void Dataset::read_target(i64 index, void* target) const {
  std::vector<std::byte> sample(static_cast<std::size_t>(info().sample_bytes()));
  read(index, sample.data(), target);
}

}  // namespace weft::data
