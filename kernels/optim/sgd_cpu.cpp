// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/active_chunks.h"
#include "weft/kernels/optim/sgd_update.h"

namespace weft::kernels {
namespace {

template <class T>
void plain(T* __restrict p, const T* __restrict g, i64 length, SgdRates<T> r) {
  for (i64 i = 0; i < length; ++i) r.plain(p[i], g[i]);
}

template <bool kNesterov, class T>
void with_momentum(T* __restrict p, const T* __restrict g, T* __restrict b, i64 length,
                   SgdRates<T> r) {
  for (i64 i = 0; i < length; ++i) {
    T param = p[i], buffer = b[i];
    r.with_momentum(param, g[i], buffer, kNesterov);
    p[i] = param;
    b[i] = buffer;
  }
}

template <class T>
void update(const Segment<T>& s, const Chunk& chunk, const StepControl& control, bool nesterov) {
  const SgdRates<T> rates(s, control);
  T* p = s.param + chunk.begin;
  const T* g = s.grad + chunk.begin;
  if (s.first == nullptr) plain(p, g, chunk.length, rates);
  else if (nesterov) with_momentum<true>(p, g, s.first + chunk.begin, chunk.length, rates);
  else with_momentum<false>(p, g, s.first + chunk.begin, chunk.length, rates);
}

template <class T>
void step(const ParameterTable<T>& table, const StepControl* control, bool nesterov) {
  for_active_chunks(table, control, [&](const Segment<T>& segment, const Chunk& chunk) {
    update(segment, chunk, *control, nesterov);
  });
}

}  // namespace

#define WEFT_SGD(T)                                                                               \
  template <>                                                                                     \
  void sgd_step(Cpu, const ParameterTable<T>& table, const StepControl* control, bool nesterov) { \
    step(table, control, nesterov);                                                               \
  }
WEFT_SGD(float)
WEFT_SGD(double)

}  // namespace weft::kernels
