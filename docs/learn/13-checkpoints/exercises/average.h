// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <weft/tensor/state.h>

// The mean of the values so far, as a run keeps it of its loss.
struct Average {
  double sum = 0;
  weft::i64 count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
  double mean() const { return sum / static_cast<double>(count); }
  void state(weft::State& s);
};
