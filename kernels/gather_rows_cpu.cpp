// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather_rows.h"

#include <cstring>

#include "weft/device/parallel.h"

namespace weft::kernels {

template <>
void gather_rows(Cpu, Rows<u8> y, Rows<const u8> x, const i64* index) {
  const auto size = static_cast<std::size_t>(x.cols);
  parallel_for(y.rows, 256 * 1024 / (x.cols + 1) + 1, [=](i64 begin, i64 end) {
    for (i64 i = begin; i < end; ++i) {
      if (index[i] < 0 || index[i] >= x.rows) std::memset(y.row(i), 0xff, size);
      else std::memcpy(y.row(i), x.row(index[i]), size);
    }
  });
}

}  // namespace weft::kernels
