// SPDX-License-Identifier: Apache-2.0
// Tests of convolutions. The emulated device converts and calls the CPU's kernels; a real one calls
// cuDNN.
#include "weft/kernels/library/conv2d.h"

#include <cmath>

#include "weft/core/error.h"
#include "weft/kernels/library/conv2d_limits.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

Conv2dShape shape(i64 batch, i64 channels, i64 out_channels, i64 stride, i64 padding, i64 groups) {
  Conv2dShape s{batch, 7, 6, channels};
  s.kernel = {3, 2};
  s.stride = {stride, stride};
  s.padding = {padding, padding};
  s.groups = groups;
  s.out_channels = out_channels;
  s.out_height = (s.height + 2 * padding - 3) / stride + 1;
  s.out_width = (s.width + 2 * padding - 2) / stride + 1;
  return s;
}

TEST(CudaConv2d, ForwardAndGradients) {
  for_types([]<class T>() {
    for (const Conv2dShape& s : {shape(2, 3, 8, 1, 1, 1), shape(1, 8, 4, 2, 0, 1),
                                 shape(2, 8, 8, 1, 1, 2), shape(0, 3, 4, 1, 0, 1)}) {
      for (const bool with_bias : {false, true}) {
        Numbers numbers;
        const Array<T> x(inputs(s), numbers), w(weights(s), numbers), dy(outputs(s), numbers),
            bias(s.out_channels, numbers);
        const auto x64 = x.numbers(), w64 = w.numbers(), dy64 = dy.numbers(),
                   bias64 = bias.numbers();
        std::vector<double> y64(dy64.size()), dx64(x64.size()), dw64(w64.size()),
            dbias64(bias64.size());
        conv2d(Cpu{}, y64.data(), x64.data(), w64.data(), with_bias ? bias64.data() : nullptr,
               Activation::relu, s);
        conv2d_input_gradient(Cpu{}, dx64.data(), dy64.data(), w64.data(), s);
        conv2d_weight_gradient(Cpu{}, dw64.data(), with_bias ? dbias64.data() : nullptr,
                               dy64.data(), x64.data(), s);
        Array<T> y(outputs(s)), dx(inputs(s)), dw(weights(s)), dbias(s.out_channels);
        conv2d(Cuda{}, y.data(), x.data(), w.data(), with_bias ? bias.data() : nullptr,
               Activation::relu, s);
        expect_near(y, y64, 10 * tolerance<T>());
        conv2d_input_gradient(Cuda{}, dx.data(), dy.data(), w.data(), s);
        expect_near(dx, dx64, 10 * tolerance<T>());
        conv2d_weight_gradient(Cuda{}, dw.data(), with_bias ? dbias.data() : nullptr, dy.data(),
                               x.data(), s);
        expect_near(dw, dw64, 20 * tolerance<T>());
        if (with_bias) expect_near(dbias, dbias64, 20 * tolerance<T>());
      }
    }
  });
}

// Mixed precision. cuDNN rounds intermediate results to the half type, which sets the tolerance.
template <class T>
void expect_float_convolutions() {
  const Conv2dShape s = shape(2, 8, 8, 1, 1, 2);
  Numbers numbers;
  const Array<T> x(inputs(s), numbers), w(weights(s), numbers), dy(outputs(s), numbers);
  const Array<float> bias(s.out_channels, numbers);
  const auto x64 = x.numbers(), w64 = w.numbers(), dy64 = dy.numbers(), bias64 = bias.numbers();
  std::vector<double> y64(dy64.size()), dx64(x64.size()), dw64(w64.size());
  conv2d(Cpu{}, y64.data(), x64.data(), w64.data(), bias64.data(), Activation::relu, s);
  conv2d_input_gradient(Cpu{}, dx64.data(), dy64.data(), w64.data(), s);
  conv2d_weight_gradient(Cpu{}, dw64.data(), static_cast<double*>(nullptr), dy64.data(), x64.data(),
                         s);
  Array<float> y(outputs(s)), dx(inputs(s)), dw(weights(s));
  conv2d(Cuda{}, y.data(), x.data(), w.data(), bias.data(), Activation::relu, s);
  expect_near(y, y64, 10 * tolerance<T>());
  conv2d_input_gradient(Cuda{}, dx.data(), dy.data(), w.data(), s);
  expect_near(dx, dx64, 10 * tolerance<T>());
  conv2d_weight_gradient(Cuda{}, dw.data(), static_cast<float*>(nullptr), dy.data(), x.data(), s);
  expect_near(dw, dw64, 20 * tolerance<T>());
}
TEST(CudaConv2d, HalfFactorsGiveFloats) {
  expect_float_convolutions<half>();
  expect_float_convolutions<bfloat16>();
}

// A relu that the library applies must not hide NaN in the weights.
TEST(CudaConv2d, NaNStaysNaN) {
  for_types([]<class T>() {
    const Conv2dShape s = shape(2, 8, 8, 1, 1, 1);
    Numbers numbers;
    const Array<T> x(inputs(s), numbers), bias(s.out_channels, numbers);
    Array<T> w(weights(s));
    for (i64 i = 0; i < w.size(); ++i) w[i] = converted<T>(std::nan(""));
    for (const bool with_bias : {false, true}) {
      Array<T> y(outputs(s));
      conv2d(Cuda{}, y.data(), x.data(), w.data(), with_bias ? bias.data() : nullptr,
             Activation::relu, s);
      for (const double value : y.numbers()) EXPECT_TRUE(std::isnan(value)) << with_bias;
    }
  });
}

TEST(CudaConv2d, ShapesThatCudnnWouldRefuse) {
  Conv2dShape huge = shape(1, 3, 4, 1, 1, 1);
  huge.batch = i64{1} << 31;
  EXPECT_THROW(check_conv2d(huge), UserError);
  Conv2dShape wrong = shape(1, 3, 4, 1, 1, 1);
  ++wrong.out_width;
  EXPECT_THROW(check_conv2d(wrong), InternalError);
  EXPECT_THROW(check_conv2d(shape(1, 3, 4, 1, 1, 2)), InternalError);
}

}  // namespace
}  // namespace weft::kernels::test
