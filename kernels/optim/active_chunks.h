// SPDX-License-Identifier: Apache-2.0
// The shared part of the optimizer kernels of the CPU. A thread updates some chunks of the
// parameter table.
#pragma once
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

// Calls update(segment, chunk) for each chunk of the active segments, then counts their steps. Does
// nothing if control->skip.
template <class T, class Update>
void for_active_chunks(const ParameterTable<T>& table, const StepControl* control,
                       const Update& update) {
  if (control->skip) return;
  parallel_for(table.chunk_count, 2, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 c = begin; c < end; ++c) {
        const Chunk& chunk = table.chunks[c];
        const Segment<T>& segment = table.segments[chunk.segment];
        if (segment.active) update(segment, chunk);
      }
    });
  });
  for (i64 s = 0; s < table.segment_count; ++s)
    if (table.segments[s].active) ++table.segments[s].steps;
}

}  // namespace weft::kernels
