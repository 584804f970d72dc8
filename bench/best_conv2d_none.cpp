// SPDX-License-Identifier: Apache-2.0
#include "weft/bench/best_conv2d.h"

std::function<void()> best_conv2d(const weft::Tensor&, const weft::Tensor&) { return {}; }
