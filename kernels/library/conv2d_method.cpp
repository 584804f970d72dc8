// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d_method.h"

#include <algorithm>
#include <atomic>

#include "weft/device/simd.h"
#include "weft/kernels/library/winograd.h"

namespace weft::kernels {
namespace {

std::atomic<ConvolutionMethod> method{ConvolutionMethod::auto_};

// From `./run bench convolutions` (bench/results.md): what pays has tiles enough for the vectors
// and for the transformed weights.
struct Rule {
  VectorSet set;
  ConvolutionPass pass;
  i64 least_channels, least_tiles;
};
constexpr Rule kRules[] = {
    {VectorSet::avx512, ConvolutionPass::forward, 32, 128},
    {VectorSet::avx512, ConvolutionPass::input_gradient, 32, 128},
    {VectorSet::avx512, ConvolutionPass::weight_gradient, 64, 128},
    {VectorSet::avx2, ConvolutionPass::forward, 32, 128},
    {VectorSet::avx2, ConvolutionPass::input_gradient, 32, 128},
    {VectorSet::avx2, ConvolutionPass::weight_gradient, 64, 128},
};

}  // namespace

ConvolutionMethod convolution_method() { return method; }
void set_convolution_method(ConvolutionMethod chosen) { method = chosen; }

int winograd_tile(ConvolutionPass pass, const Conv2dShape& s) {
  const ConvolutionMethod chosen = method;
  constexpr int m = 4;
  if (chosen == ConvolutionMethod::direct || !winograd::takes(s)) return 0;
  if (chosen == ConvolutionMethod::winograd) return m;
  const i64 tiles = s.batch * ((s.out_height + m - 1) / m) * ((s.out_width + m - 1) / m);
  const bool pays = std::any_of(std::begin(kRules), std::end(kRules), [&](const Rule& rule) {
    return rule.set == vector_set() && rule.pass == pass && tiles >= rule.least_tiles &&
           std::min(s.channels, s.out_channels) >= rule.least_channels;
  });
  return pays ? m : 0;
}

}  // namespace weft::kernels
