// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/box_muller.h"
#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/philox.h"
#include "weft/kernels/random.h"

namespace weft::kernels {
namespace {

struct Uniform {
  double low, high;

  __device__ void fill(const PhiloxWords& words, double (&value)[4]) const {
    for (int i = 0; i < 4; ++i)
      value[i] = low + (high - low) * static_cast<double>(unit_float(words.word[i]));
  }
};
struct Normal {
  double mean, std;

  __device__ void fill(const PhiloxWords& words, double (&value)[4]) const {
    for (int pair = 0; pair < 4; pair += 2) {
      const NormalPair z = box_muller(words.word[pair], words.word[pair + 1]);
      value[pair] = mean + this->std * z.first;
      value[pair + 1] = mean + this->std * z.second;
    }
  }
};

template <class Distribution, class T>
__global__ void __launch_bounds__(kThreads)
    fill_random_kernel(Span<T> y, Distribution distribution, RandomRange range) {
  const i64 n = y.size;
  for (i64 quad = first_index(); 4 * quad < n; quad += grid_stride()) {
    double value[4];
    distribution.fill(philox(range.key, range.first + static_cast<u64>(quad), 0), value);
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (4 * quad + k < n) y[4 * quad + k] = static_cast<T>(value[k]);
  }
}

template <class Distribution, class T>
void fill_random(Cuda device, Span<T> y, const Distribution& distribution,
                 const RandomRange& range) {
  if (y.size == 0) return;
  launch<fill_random_kernel<Distribution, T>>(on(device, blocks_for(divide_up(y.size, 4))), y,
                                              distribution, range);
}

}  // namespace

#define WEFT_RANDOM(T)                                                                           \
  template <>                                                                                    \
  void fill_uniform(Cuda device, Span<T> y, double low, double high, const RandomRange& range) { \
    fill_random(device, y, Uniform{low, high}, range);                                           \
  }                                                                                              \
  template <>                                                                                    \
  void fill_normal(Cuda device, Span<T> y, double mean, double std, const RandomRange& range) {  \
    fill_random(device, y, Normal{mean, std}, range);                                            \
  }
WEFT_RANDOM(float)
WEFT_RANDOM(double)

}  // namespace weft::kernels
