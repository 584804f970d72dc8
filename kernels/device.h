// SPDX-License-Identifier: Apache-2.0
// The header for the source of a kernel outside weft.
#pragma once
#include "weft/kernels/common/device.h"
#include "weft/kernels/common/views.h"
