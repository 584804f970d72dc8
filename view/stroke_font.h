// SPDX-License-Identifier: Apache-2.0
// A font of strokes for raster.h, on a grid of 4 × 6 with two rows below the baseline.
#pragma once
#include <string_view>
#include <vector>

#include "weft/view/drawing.h"

namespace weft::view {

struct Glyph {
  std::vector<std::vector<XY>>
      strokes;         // x from 0, y upwards from the baseline; capitals are 6 high
  double advance = 0;  // to the next glyph
};
// The glyph of a character by its code, or a box.
Glyph glyph_of(unsigned code);

}  // namespace weft::view
