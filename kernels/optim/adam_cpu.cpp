// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/active_chunks.h"
#include "weft/kernels/optim/adam_update.h"

namespace weft::kernels {
namespace {

template <class T>
void update(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, i64 length,
            AdamRates<T> r) {
  for (i64 i = 0; i < length; ++i) {
    T param = p[i], mean = m[i], square = v[i];
    r.update(param, g[i], mean, square);
    p[i] = param;
    m[i] = mean;
    v[i] = square;
  }
}

template <class T>
void step(const ParameterTable<T>& table, const StepControl* control,
          const AdamConstants& constants) {
  for_active_chunks(table, control, [&](const Segment<T>& s, const Chunk& chunk) {
    update(s.param + chunk.begin, s.grad + chunk.begin, s.first + chunk.begin,
           s.second + chunk.begin, chunk.length, rates_of(s, *control, constants));
  });
}

}  // namespace

#define WEFT_ADAM(T)                                                              \
  template <>                                                                     \
  void adam_step(Cpu, const ParameterTable<T>& table, const StepControl* control, \
                 const AdamConstants& constants) {                                \
    step(table, control, constants);                                              \
  }
WEFT_ADAM(float)
WEFT_ADAM(double)

}  // namespace weft::kernels
