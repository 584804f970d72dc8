// SPDX-License-Identifier: Apache-2.0
// Drawings as pixels: smooth lines, and texts in a font of strokes of its own, which has the
// printable characters of ASCII. Other characters are drawn as a box.
#pragma once
#include "weft/view/drawing.h"
#include "weft/view/pixels.h"

namespace weft::view {

// The drawing on white, with `scale` pixels for each of its units.
Pixels rasterized(const Drawing& drawing, i64 scale);

}  // namespace weft::view
