// SPDX-License-Identifier: Apache-2.0
// How convolutions are computed on the CPU: directly, by the library of conv2d.h, by Winograd's
// filtering (winograd.h), or by the kernels for narrow groups (narrow_groups.h).
#pragma once
#include <string_view>

#include "weft/core/enum_names.h"
#include "weft/kernels/library/conv2d.h"

namespace weft::kernels {

// auto_: what was measured to be faster for the shape. direct: the library. winograd: Winograd's
// for all shapes that it takes, and auto_ for others.
enum class ConvolutionMethod { auto_, direct, winograd };
constexpr EnumNames<3> names_of(ConvolutionMethod) { return {"auto", "direct", "winograd"}; }

// The method of this process.
ConvolutionMethod convolution_method();
void set_convolution_method(ConvolutionMethod method);

enum class ConvolutionPass { forward, input_gradient, weight_gradient };

// The m of F(m×m, 3×3) for a convolution in float (Note [Winograd]); 0: direct. It depends on the
// shape, the method and the vector set, and is never found by timing, so that a run can be repeated
// to the bit.
int winograd_tile(ConvolutionPass pass, const Conv2dShape& shape);

// Whether narrow_groups.h computes a convolution in float. It depends on the same, and on whether
// oneDNN would do it otherwise.
bool takes_narrow_groups(ConvolutionPass pass, const Conv2dShape& shape);

}  // namespace weft::kernels
