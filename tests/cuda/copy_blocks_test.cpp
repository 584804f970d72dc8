// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/copy_blocks.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

// Sizes, pitches and offsets allow words of 16, 8, 4 and 1 bytes. Bytes between the blocks of y
// stay.
TEST(CudaCopyBlocks, IsTheCpus) {
  for (const BlockCopy s :
       {BlockCopy{0, 8, 8, 8}, BlockCopy{3, 0, 16, 16}, BlockCopy{1, 1, 1, 1},
        BlockCopy{9, 16, 48, 32}, BlockCopy{5, 8, 24, 8}, BlockCopy{33, 4, 4, 12},
        BlockCopy{7, 3, 5, 9}, BlockCopy{2, 5000, 5000, 5008}}) {
    for (const i64 shift : {0, 8, 4, 1}) {
      SCOPED_TRACE(::testing::Message() << s.blocks << " blocks of " << s.bytes << " bytes");
      Numbers numbers;
      const Array<u8> x(s.blocks * s.x_pitch, numbers, 0, 255, shift);
      const Array<u8> before(s.blocks * s.y_pitch, numbers, 0, 255, shift);
      Array<u8> wanted(before);
      for (i64 b = 0; b < s.blocks; ++b)
        for (i64 i = 0; i < s.bytes; ++i) wanted[b * s.y_pitch + i] = x[b * s.x_pitch + i];
      Array<u8> cpu(before);
      copy_blocks(Cpu{}, cpu.data(), x.data(), s);
      expect_same_bytes(cpu, wanted);
      in_every_order([&] {
        Array<u8> y(before);
        copy_blocks(Cuda{}, y.data(), x.data(), s);
        expect_same_bytes(y, wanted);
      });
    }
  }
}

}  // namespace
}  // namespace weft::kernels::test
