// SPDX-License-Identifier: Apache-2.0
#include "nodes.h"

std::vector<double> gradients(const std::vector<Node>& tape) {
  std::vector<double> gradient(tape.size(), 0.0);
  gradient.back() = 1;
  for (std::size_t i = tape.size(); i-- > 0;) {
    const Node& node = tape[i];
    if (node.left >= 0) gradient[node.left] += gradient[i] * node.by_left;
    if (node.right >= 0) gradient[node.right] += gradient[i] * node.by_right;
  }
  return gradient;
}
