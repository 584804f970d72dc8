// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/onednn.h"
#include "weft/kernels/library/onednn_common.h"

namespace weft::kernels::onednn {

#ifdef WEFT_HAS_ONEDNN

const char* version() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch);
  }();
  return text.c_str();
}

namespace {

struct Key {
  i64 batch, m, n, k, flags;
};

struct Entry {
  Call call;
  bool usable = false;
  std::mutex mutex;  // each call sets the addresses
};

dnnl::memory::desc matrix(dnnl::memory::data_type type, i64 batch, i64 rows, i64 cols,
                          bool transposed) {
  const dnnl::memory::dims strides = transposed ? dnnl::memory::dims{rows * cols, 1, rows}
                                                : dnnl::memory::dims{rows * cols, cols, 1};
  return {{batch, rows, cols}, type, strides};
}

template <class T>
void fill(Entry& entry, const MatmulShape& s, bool has_bias, Activation activation) {
  const auto c = matrix(type_of<float>(), s.batch, s.m, s.n, false),
             a = matrix(type_of<T>(), s.batch, s.m, s.k, s.transpose_a),
             b = matrix(type_of<T>(), s.batch, s.k, s.n, s.transpose_b);
  const dnnl::memory::desc bias({1, 1, s.n}, type_of<float>(), dnnl::memory::dims{s.n, s.n, 1});
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops post;
  append_activation(post, activation);
  attributes.set_post_ops(post);
#if DNNL_VERSION_MAJOR >= 3
  const auto plan = has_bias ? dnnl::matmul::primitive_desc(engine(), a, b, bias, c, attributes)
                             : dnnl::matmul::primitive_desc(engine(), a, b, c, attributes);
#else
  const auto plan =
      has_bias
          ? dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, bias, c), attributes, engine())
          : dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), attributes, engine());
#endif
  entry.usable = std::is_same_v<T, float> || !is_reference(plan);
  entry.call = Call(dnnl::matmul(plan), plan);
  entry.call.bind(DNNL_ARG_DST, c);
  entry.call.bind(DNNL_ARG_SRC, a);
  entry.call.bind(DNNL_ARG_WEIGHTS, b);
  if (has_bias) entry.call.bind(DNNL_ARG_BIAS, bias);
}

}  // namespace

template <class T>
bool matmul(float* c, const T* a, const T* b, const float* bias, Activation activation,
            const MatmulShape& s) {
  static PrimitiveCache<Key, Entry> cache;
  const i64 flags = (s.transpose_a ? 1 : 0) | (s.transpose_b ? 2 : 0) | (bias != nullptr ? 4 : 0) |
                    static_cast<i64>(activation) << 3;
  Entry& entry = cache.find({s.batch, s.m, s.n, s.k, flags}, [&] {
    return make_entry<Entry>([&](Entry& made) { fill<T>(made, s, bias != nullptr, activation); });
  });
  if (!entry.usable) return false;
  std::lock_guard lock(entry.mutex);
  entry.call.set(DNNL_ARG_DST, c);
  entry.call.set(DNNL_ARG_SRC, a);
  entry.call.set(DNNL_ARG_WEIGHTS, b);
  entry.call.set(DNNL_ARG_BIAS, bias);
  entry.call.run();
  finish_relu({c, s.batch * s.m, s.n}, activation);
  return true;
}

#else

const char* version() { return nullptr; }
template <class T>
bool matmul(float*, const T*, const T*, const float*, Activation, const MatmulShape&) {
  return false;
}

#endif

template bool matmul(float*, const float*, const float*, const float*, Activation,
                     const MatmulShape&);
template bool matmul(float*, const bfloat16*, const bfloat16*, const float*, Activation,
                     const MatmulShape&);

}  // namespace weft::kernels::onednn
