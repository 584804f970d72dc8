// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_rows.h"

#include <cstring>

#include "weft/device/parallel.h"

namespace weft::kernels {

void gather_rows(Cpu, void* y, const void* x, const i64* index, i64 n, i64 rows, i64 row_bytes) {
  const auto size = static_cast<std::size_t>(row_bytes);
  parallel_for(n, 256 * 1024 / (row_bytes + 1) + 1, [=](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      char* to = static_cast<char*>(y) + i * row_bytes;
      if (index[i] < 0 || index[i] >= rows) std::memset(to, 0xff, size);
      else std::memcpy(to, static_cast<const char*>(x) + index[i] * row_bytes, size);
    }
  });
}

}  // namespace weft::kernels
