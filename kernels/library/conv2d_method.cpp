// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d_method.h"

#include <algorithm>
#include <atomic>

#include "weft/device/simd.h"
#include "weft/kernels/library/narrow_groups.h"
#include "weft/kernels/library/winograd.h"

namespace weft::kernels {
namespace {

std::atomic<ConvolutionMethod> method{ConvolutionMethod::auto_};

// The rules come from `./run bench convolutions`, and the first one that fits holds. For the shapes
// of bench/results.md, F(4×4) was 1.4 to 3.6 times as fast as the direct convolution by AVX2, and
// 1.09 to 2.5 times by AVX-512. The exception is the input gradient of 4×4 pixels and 512 channels
// by AVX-512, where F(4×4) had 0.80 and F(2×2), which is taken, has 0.98: no gain. Tiles are those
// of 4×4 outputs. Where there are few, reading the transformed weights takes longer than the
// products, and F(2×2) has fewer transformed weights.
struct Rule {
  ConvolutionPass pass;
  i64 least_tiles, least_channels;
  int m;
};
constexpr Rule kRules[] = {
    {ConvolutionPass::forward, 64, 16, 4},         {ConvolutionPass::forward, 32, 128, 2},
    {ConvolutionPass::input_gradient, 64, 16, 4},  {ConvolutionPass::input_gradient, 32, 128, 2},
    {ConvolutionPass::weight_gradient, 32, 16, 4},
};

// The error of F(4×4) grows with the number of products in a sum, and was within its bound for so
// many (tests/kernels/winograd_test.cpp).
constexpr i64 kMostChannelsOf4 = 1024;

// In depthwise convolutions both oneDNN and narrow_groups.h wait for memory. Only in the gradient
// of the weights is oneDNN slower: always by AVX2, and by AVX-512 with so many channels.
constexpr i64 kLeastDepthwiseChannels = 96;

i64 summed_channels(ConvolutionPass pass, const Conv2dShape& s) {
  switch (pass) {
    case ConvolutionPass::forward: return s.channels;
    case ConvolutionPass::input_gradient: return s.out_channels;
    case ConvolutionPass::weight_gradient: return 0;
  }
  return 0;
}

}  // namespace

ConvolutionMethod convolution_method() { return method; }
void set_convolution_method(ConvolutionMethod chosen) { method = chosen; }

int winograd_tile(ConvolutionPass pass, const Conv2dShape& s) {
  const ConvolutionMethod chosen = method;
  if (chosen == ConvolutionMethod::direct || !winograd::takes(s)) return 0;
  const int largest = summed_channels(pass, s) <= kMostChannelsOf4 ? 4 : 2;
  if (chosen == ConvolutionMethod::winograd) return largest;
  if (vector_set() == VectorSet::baseline) return 0;
  const i64 tiles = s.batch * ((s.out_height + 3) / 4) * ((s.out_width + 3) / 4);
  const i64 channels = std::min(s.channels, s.out_channels);
  for (const Rule& rule : kRules)
    if (rule.pass == pass && tiles >= rule.least_tiles && channels >= rule.least_channels)
      return std::min(rule.m, largest);
  return 0;
}

bool takes_narrow_groups(ConvolutionPass pass, const Conv2dShape& s) {
  if (method == ConvolutionMethod::direct || !narrow_groups::takes(s)) return false;
  // A matrix product for each group, which there is without oneDNN, is much slower.
  if (cpu_backend() != CpuBackend::onednn) return true;
  const VectorSet set = vector_set();
  if (set == VectorSet::baseline) return false;
  if (s.groups < s.channels) return true;
  return pass == ConvolutionPass::weight_gradient &&
         (set == VectorSet::avx2 || s.channels >= kLeastDepthwiseChannels);
}

}  // namespace weft::kernels
