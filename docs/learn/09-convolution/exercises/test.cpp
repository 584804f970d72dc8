// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "exercise.h"
#include "image.h"

int output_size(int size, int kernel, int stride, int padding);
Image convolve(const Image& x, const Image& w);
Image kernel_gradient(const Image& x, const Image& dy);

namespace {

const Image nine{3, 3, {1, 2, 0, 0, 1, 3, 2, 0, 1}};

void test_1() {
  learn::expect("output_size(3, 2, 1, 0)", output_size(3, 2, 1, 0), 2);
  learn::expect("output_size(28, 3, 1, 1)", output_size(28, 3, 1, 1), 28);
  learn::expect("output_size(28, 3, 2, 0), where the last pixel is left out,",
                output_size(28, 3, 2, 0), 13);
  learn::expect("output_size(7, 3, 2, 0)", output_size(7, 3, 2, 0), 3);
  learn::expect("output_size(3, 2, 2, 1)", output_size(3, 2, 2, 1), 2);
}

void test_2() {
  const Image y = convolve(nine, {2, 2, {1, 0, -1, 2}});
  learn::expect("convolve() of the chapter's image", y.pixels, {3, 7, -2, 3});
  learn::expect("convolve() with a kernel of 1 x 3", convolve(nine, {1, 3, {1, 10, 100}}).pixels,
                {21, 310, 102});
}

void test_3() {
  learn::expect("kernel_gradient() for dy of ones",
                kernel_gradient(nine, {2, 2, {1, 1, 1, 1}}).pixels, {4, 6, 3, 5});
  using namespace weft;
  const std::vector<double> dy{2, -1, 0.5, 3};
  const Variable x = Tensor::copy_of(nine.pixels, {1, 3, 3, 1}),
                 w = Variable::leaf(Tensor::zeros({1, 2, 2, 1}, DType::f64));
  conv2d(x, w, {}).backward(Tensor::copy_of(dy, {1, 2, 2, 1}));
  learn::expect("kernel_gradient() for dy = {2, -1, 0.5, 3}",
                kernel_gradient(nine, {2, 2, dy}).pixels, w.grad().to_vector<double>());
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
