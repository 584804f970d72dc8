// SPDX-License-Identifier: Apache-2.0
// The kernels of own_cuda_op.cpp: its contract, and one formula for both devices.
#pragma once
#include <weft/device/device.h>
#include <weft/kernels/common/host_device.h>
#include <weft/kernels/common/views.h>

#include <cmath>

using Input = weft::kernels::Span<const float>;
using Output = weft::kernels::Span<float>;

WEFT_HOST_DEVICE inline float snake_of(float x) { return x + std::sin(x) * std::sin(x); }
WEFT_HOST_DEVICE inline float slope_of(float x) { return 1 + std::sin(2 * x); }

// y[i] = snake_of(x[i]) and dx[i] = dy[i]·slope_of(x[i]), on the CPU and on a GPU.
void snake(weft::Cpu device, Output y, Input x);
void snake(weft::Cuda device, Output y, Input x);
void snake_backward(weft::Cpu device, Output dx, Input dy, Input x);
void snake_backward(weft::Cuda device, Output dx, Input dy, Input x);
