// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <weft/device/device.h>

// y[r,c] = x[r,c] / √(mean over c of x² + eps), for x and y (rows, cols) on the device; y may be x.
void rms_norm(weft::Cuda device, float* y, const float* x, weft::i64 rows, weft::i64 cols,
              float eps);
