// SPDX-License-Identifier: Apache-2.0
// Pictures of another size.
#pragma once
#include "weft/core/enum_names.h"
#include "weft/tensor/tensor.h"

namespace weft::data {

// box averages the pixels that an output pixel covers, bilinear is a triangle, and bicubic is Keys'
// cubic with a = -0.5 (IEEE ASSP 29, 1981). Where the picture shrinks, the filter is as much wider
// (antialiasing).
enum class ResizeFilter { box, bilinear, bicubic };
constexpr EnumNames<3> names_of(ResizeFilter) { return {"box", "bilinear", "bicubic"}; }

// (height, width, channels) in uint8 from a picture of any size of at least 1 × 1. Rows are resized
// first and rounded, then columns, in integers: the result is the same on every machine. It is
// Pillow's, except where the height shrinks and the width grows: there, newer versions of Pillow
// round the columns first.
Tensor resized(const Tensor& picture, i64 height, i64 width, ResizeFilter filter);

}  // namespace weft::data
