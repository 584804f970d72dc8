// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

// The result of an operation with two inputs, and the derivatives of the result by them.
struct Local {
  double value, by_left, by_right;
};

// An entry of a tape, as in the program of the chapter. An index of -1 stands for no input.
struct Node {
  int left, right;
  double by_left, by_right;
};
