// SPDX-License-Identifier: Apache-2.0
#include "nodes.h"

Local divide(double a, double b) { return {a / b, 1 / b, -a / (b * b)}; }
