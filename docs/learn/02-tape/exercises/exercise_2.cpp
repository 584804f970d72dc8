// SPDX-License-Identifier: Apache-2.0
// Returns the gradient of the last node by each node of the tape. Inputs have smaller indices than
// the nodes that use them. A node may be used several times, or not at all.
#include "nodes.h"

std::vector<double> gradients(const std::vector<Node>& tape) {
  std::vector<double> gradient(tape.size(), 0.0);
  // TODO: begin with 1 at the last node, and walk to the first.
  return gradient;
}
