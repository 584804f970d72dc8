// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <weft/device/device.h>
#include <weft/kernels/common/views.h>

// y[r,c] = x[r,c] / √(mean over c of x² + eps), for x and y on the device; y may be x.
void rms_norm(weft::Cuda device, weft::kernels::Rows<float> y, weft::kernels::Rows<const float> x,
              float eps);
