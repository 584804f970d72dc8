// SPDX-License-Identifier: Apache-2.0
// What an optimizer kernel reads: a table of parameters, and the values of this step.
//
// Note [One kernel for all parameters]
// One launch updates every parameter. A segment is one parameter with its gradient, its state and
// its own factors; freezing or a learning rate per pattern rewrites the table and nothing else.
// Work is cut into chunks, whose borders depend on the layout alone, so results are the same for
// any number of threads. All of it lies in device memory, so a captured step replays with new
// learning rates, and a skipped step needs no decision of the host.
#pragma once
#include "weft/core/types.h"

namespace weft::kernels {

template <class T>
struct Segment {
  T* param = nullptr;
  const T* grad = nullptr;
  T* first = nullptr;   // state: momentum, or Adam's mean
  T* second = nullptr;  // state: Adam's mean square
  i64 length = 0;       // elements, of each of the four
  double lr_factor = 1;
  double weight_decay = 0;
  i64 steps = 0;       // updates this parameter has had; counted by the kernel
  bool active = true;  // false: frozen, or without a gradient; nothing of it is read or written
};

// Elements [begin, begin + length) of a segment: the work of one block.
struct Chunk {
  i64 segment = 0;
  i64 begin = 0;
  i64 length = 0;
};

// Large enough to hide the cost of a chunk, small enough that a few fill both threads' share
// evenly.
inline constexpr i64 kChunkElements = 16384;

template <class T>
struct ParameterTable {
  Segment<T>* segments = nullptr;
  i64 segment_count = 0;
  const Chunk* chunks = nullptr;  // cover each segment once, in order
  i64 chunk_count = 0;
};

// The values that change from step to step.
struct StepControl {
  double lr = 0;
  double momentum = 0;    // SGD's momentum, Adam's beta1
  double grad_scale = 1;  // multiplies gradients: 1 / loss scale, times the clip coefficient
  double grad_norm = 0;   // of the unscaled gradients; written by global_norm
  bool skip = false;      // nothing is written, no step is counted
  i64 applied = 0;        // steps that changed the parameters
};

}  // namespace weft::kernels
