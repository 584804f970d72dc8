// SPDX-License-Identifier: Apache-2.0
// What the machine can do at best, measured in less than a second: the roof under which the ops of
// a step are shown (roofline; Williams, Waterman & Patterson 2009).
#pragma once
#include <string>

#include "weft/tensor/tensor.h"

namespace weft::train {

struct Machine {
  std::string device = {};              // "cpu", "cuda:0"
  int threads = 0;                      // of the CPU
  double bytes_per_second = 0;          // read and written by a large copy
  double flops_per_second = 0;          // of a square matrix product in f32
  DType compute_dtype = DType::f32;     // of the run's products
  double compute_flops_per_second = 0;  // in that dtype
  double seconds = 0;                   // that the measurement took

  // The shortest time that this work could take.
  double least_seconds(double flops, double bytes, bool in_compute_dtype) const;
};

Machine measure_machine(const Device& device, DType compute_dtype);

}  // namespace weft::train
