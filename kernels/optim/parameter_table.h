// SPDX-License-Identifier: Apache-2.0
// The arguments of an optimizer kernel: a table of parameters and the values of the step.
//
// Note [One kernel for all parameters]
// One launch updates every parameter. A segment is one parameter with its gradient, its state and
// its own factors. Freezing a parameter or a learning rate per pattern changes only the table. The
// work is divided into chunks whose bounds depend on the layout alone, so results are the same for
// any number of threads. The table and the control values are in device memory. A captured step can
// therefore replay with new learning rates, and a step is skipped without a decision by the host.
#pragma once
#include "weft/core/types.h"

namespace weft::kernels {

template <class T>
struct Segment {
  T* param = nullptr;
  const T* grad = nullptr;
  T* first = nullptr;   // state: momentum, or Adam's mean
  T* second = nullptr;  // state: Adam's mean square
  T* third = nullptr;   // state, for an optimizer of one's own
  i64 length = 0;       // elements of each of the arrays
  double lr_factor = 1;
  double weight_decay = 0;
  i64 steps = 0;       // updates of this parameter, which the kernel counts
  bool active = true;  // false: frozen or without a gradient; the kernel does not access its arrays
};

// Elements [begin, begin + length) of a segment: the work of one block, or of one task on the CPU.
struct Chunk {
  i64 segment = 0;
  i64 begin = 0;
  i64 length = 0;
};

// The size makes the overhead of a chunk small and still distributes a small model evenly over
// threads.
inline constexpr i64 kChunkElements = 16384;

template <class T>
struct ParameterTable {
  Segment<T>* segments = nullptr;
  i64 segment_count = 0;
  const Chunk* chunks = nullptr;  // the chunks cover each segment once, in order
  i64 chunk_count = 0;
};

// The values that change from step to step.
struct StepControl {
  double lr = 0;
  double momentum = 0;    // SGD's momentum, Adam's beta1
  double grad_scale = 1;  // multiplies gradients: 1 / loss scale, times the clip coefficient
  double grad_norm = 0;   // the norm of the unscaled gradients, which global_norm writes
  bool skip = false;      // true: the kernels write nothing and count no step
  i64 applied = 0;        // steps that changed the parameters
};

}  // namespace weft::kernels
