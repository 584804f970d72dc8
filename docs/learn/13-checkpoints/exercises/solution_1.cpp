// SPDX-License-Identifier: Apache-2.0
#include "average.h"

void Average::state(weft::State& s) { s("sum", sum)("count", count); }
