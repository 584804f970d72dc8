// SPDX-License-Identifier: Apache-2.0
// Convolution: nine pixels by hand, the number of parameters, and a pattern that moves.
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

namespace {

// Prints an image of one channel. The sum with 0 makes 0 of -0.
void print(const char* name, const Tensor& image) {
  std::printf("%s\n", name);
  const std::vector<float> v = image.to_vector<float>();
  for (std::size_t i = 0; i < v.size(); ++i)
    std::printf("%4g%s", v[i] + 0.0f, (static_cast<i64>(i) + 1) % image.size(2) == 0 ? "\n" : "");
}

Tensor image_of(const std::vector<float>& values, i64 height, i64 width) {
  return Tensor::copy_of(values, {1, height, width, 1});
}

}  // namespace

int main() {
  const Variable x = Variable::leaf(image_of({1, 2, 0, 0, 1, 3, 2, 0, 1}, 3, 3));
  const Variable w = Variable::leaf(image_of({1, 0, -1, 2}, 2, 2));
  const Variable y = conv2d(x, w, {});
  sum(y).backward();
  print("y", y.value());
  print("d(sum of y)/dw", w.grad());
  print("d(sum of y)/dx", x.grad());
  print("y with a border of zeros", conv2d(x, w, {}, {.padding = 1}).value());
  print("y in steps of 2", conv2d(x, w, {}, {.stride = 2, .padding = 1}).value());
  print("the largest of each 2 x 2", max_pool2d(x.value(), {.kernel = 2, .stride = 1}));

  // A cross of five pixels, found wherever it is.
  std::vector<float> picture(5 * 7);
  for (const int at : {1 * 7 + 5, 2 * 7 + 4, 2 * 7 + 5, 2 * 7 + 6, 3 * 7 + 5})
    picture[static_cast<std::size_t>(at)] = 1;
  const Tensor cross = image_of({-1, 1, -1, 1, 1, 1, -1, 1, -1}, 3, 3);
  print("where a cross is", conv2d(image_of(picture, 5, 7), cross, {}));

  nn::Linear linear{28 * 28, 8 * 26 * 26};
  nn::Conv2d convolution{1, 8, 3};
  std::printf("784 -> 5408 values: %lld parameters in a Linear, %lld in a Conv2d\n",
              static_cast<long long>(linear.parameter_count()),
              static_cast<long long>(convolution.parameter_count()));
}
