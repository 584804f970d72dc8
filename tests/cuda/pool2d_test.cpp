// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pool2d.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

Pool2dShape shape(i64 batch, i64 height, i64 width, i64 channels, i64 kernel, i64 stride,
                  i64 padding) {
  Pool2dShape s{batch, height, width, channels};
  s.kernel_h = kernel;
  s.kernel_w = kernel == 3 ? 2 : kernel;
  s.stride_h = stride;
  s.stride_w = stride == 2 ? 1 : stride;
  s.padding_h = padding;
  s.padding_w = 0;
  s.out_height = (height + 2 * padding - s.kernel_h) / s.stride_h + 1;
  s.out_width = (width - s.kernel_w) / s.stride_w + 1;
  return s;
}

std::vector<Pool2dShape> shapes() {
  return {shape(1, 1, 1, 1, 1, 1, 0),  shape(2, 4, 6, 4, 2, 2, 0), shape(2, 7, 5, 3, 3, 2, 1),
          shape(1, 5, 4, 33, 3, 1, 1), shape(1, 6, 6, 8, 2, 3, 0), shape(0, 4, 4, 2, 2, 2, 0)};
}

TEST(CudaPool2d, Max) {
  for_types([]<class T>() {
    const auto test = [&]<class Index>() {
      for (const Pool2dShape& s : shapes()) {
        for (const i64 shift : {0, 1}) {
          SCOPED_TRACE(::testing::Message() << s.height << " x " << s.width << " x " << s.channels);
          const i64 in = s.batch * s.height * s.width * s.channels,
                    out = s.batch * s.out_height * s.out_width * s.channels;
          Numbers numbers;
          Array<T> x(in, numbers, shift);
          const Array<T> dy(out, numbers, shift);
          if (in > 20) {
            x[9] = converted<T>(NAN);
            for (i64 i = 10; i < 20; ++i) x[i] = converted<T>(1.5);  // ties
          }
          const auto x64 = x.numbers(), dy64 = dy.numbers();
          std::vector<double> y64(dy64.size()), dx64(x64.size());
          Array<Index> index64(out);
          max_pool2d(Cpu{}, y64.data(), index64.data(), x64.data(), s);
          max_pool2d_backward(Cpu{}, dx64.data(), dy64.data(), index64.data(), s);
          in_every_order([&] {
            Array<T> y(out, shift), no_index(out, shift), dx(in, shift);
            Array<Index> index(out);
            max_pool2d(Cuda{}, y.data(), index.data(), x.data(), s);
            expect_near(y, y64, 0.0);
            expect_same_bytes(index, index64);
            max_pool2d(Cuda{}, no_index.data(), static_cast<Index*>(nullptr), x.data(), s);
            expect_same_bytes(no_index, y);
            max_pool2d_backward(Cuda{}, dx.data(), dy.data(), index.data(), s);
            expect_near(dx, dx64, 2 * tolerance<T>());
          });
        }
      }
    };
    test.template operator()<u8>();
    test.template operator()<i32>();
  });
}

TEST(CudaPool2d, Average) {
  for_types([]<class T>() {
    for (const Pool2dShape& s : shapes()) {
      for (const i64 shift : {0, 1}) {
        SCOPED_TRACE(::testing::Message() << s.height << " x " << s.width << " x " << s.channels);
        const i64 in = s.batch * s.height * s.width * s.channels,
                  out = s.batch * s.out_height * s.out_width * s.channels;
        Numbers numbers;
        const Array<T> x(in, numbers, shift), dy(out, numbers, shift);
        std::vector<double> y64(static_cast<std::size_t>(out)), dx64(static_cast<std::size_t>(in));
        avg_pool2d(Cpu{}, y64.data(), x.numbers().data(), s);
        avg_pool2d_backward(Cpu{}, dx64.data(), dy.numbers().data(), s);
        in_every_order([&] {
          Array<T> y(out, shift), dx(in, shift);
          avg_pool2d(Cuda{}, y.data(), x.data(), s);
          expect_near(y, y64, 2 * tolerance<T>());
          avg_pool2d_backward(Cuda{}, dx.data(), dy.data(), s);
          expect_near(dx, dx64, 2 * tolerance<T>());
        });
      }
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
