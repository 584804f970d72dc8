// SPDX-License-Identifier: Apache-2.0
// What a kernel outside weft includes.
#pragma once
#include "weft/kernels/common/device.h"
