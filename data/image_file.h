// SPDX-License-Identifier: Apache-2.0
// Pictures from files.
#pragma once
#include <string>

#include "weft/tensor/tensor.h"

namespace weft::data {

// A PNG file as (height, width, channels) in uint8. It is converted to 1 channel (grey) or 3 (red,
// green, blue). Transparency is blended with black. Throws a UserError that names the file if it is
// missing, damaged, no PNG, or larger than 2^28 bytes when unpacked.
Tensor read_png(const std::string& path, i64 channels);

}  // namespace weft::data
