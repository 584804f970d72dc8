// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/onednn.h"
#include "weft/kernels/library/onednn_common.h"

namespace weft::kernels::onednn {

#ifdef WEFT_HAS_ONEDNN
namespace {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;

struct Key {
  Conv2dShape shape;
  i64 flags;
};

// Images stay in NHWC, for which oneDNN's kernels are as fast as for its blocked layouts. Weights
// are OHWI in weft and have a blocked layout in oneDNN, so they are reordered before or after the
// call.
struct Entry {
  Call call, reorder;
  bool usable = false, reorders = false;
  i64 weight_bytes = 0;  // bytes of the weights in oneDNN's layout
  std::mutex mutex;      // each call sets the addresses
};

using Type = dnnl::memory::data_type;
constexpr Type kFloat = Type::f32;
struct Types {
  Type x, w, y;
};

struct Layouts {
  Layouts(const Conv2dShape& s, const Types& types)
      : x({s.batch, s.channels, s.height, s.width}, types.x, dnnl::memory::format_tag::nhwc),
        y({s.batch, s.out_channels, s.out_height, s.out_width}, types.y,
          dnnl::memory::format_tag::nhwc),
        bias({s.out_channels}, kFloat, dnnl::memory::format_tag::x),
        stride{s.stride.h, s.stride.w},
        dilation{s.dilation.h - 1, s.dilation.w - 1},
        before{s.padding.h, s.padding.w},
        after{padding_after(s.height, s.out_height, s.kernel.h, s.stride.h, s.padding.h,
                            s.dilation.h),
              padding_after(s.width, s.out_width, s.kernel.w, s.stride.w, s.padding.w,
                            s.dilation.w)} {
    const i64 in = s.channels / s.groups, out = s.out_channels / s.groups;
    Dims sizes{out, in, s.kernel.h, s.kernel.w};
    Dims strides{s.kernel.h * s.kernel.w * in, 1, s.kernel.w * in, in};
    if (s.groups > 1) {
      sizes.insert(sizes.begin(), s.groups);
      strides.insert(strides.begin(), out * strides[0]);
    }
    w = Desc(sizes, types.w, strides);
    any_w = Desc(sizes, types.w, dnnl::memory::format_tag::any);
  }
  // oneDNN requires the padding that makes the output size exact. It is negative if a stride leaves
  // the last pixels unread.
  static i64 padding_after(i64 size, i64 out, i64 kernel, i64 stride, i64 before, i64 dilation) {
    return (out - 1) * stride + (kernel - 1) * dilation + 1 - size - before;
  }

  Desc x, y, bias, w, any_w;
  Dims stride, dilation, before, after;
};

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

// The constructors of primitive descriptors differ between oneDNN 2 and 3.
dnnl::convolution_forward::primitive_desc forward_plan(const Layouts& l, bool has_bias,
                                                       const dnnl::primitive_attr& attributes) {
  constexpr auto kind = dnnl::prop_kind::forward_training;
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const Desc bias = has_bias ? l.bias : Desc();
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind,     direct,     l.x,      l.any_w, bias,
          l.y,      l.stride, l.dilation, l.before, l.after, attributes};
#else
  return {{kind, direct, l.x, l.any_w, bias, l.y, l.stride, l.dilation, l.before, l.after},
          attributes,
          engine()};
#endif
}
dnnl::convolution_backward_data::primitive_desc input_plan(const Layouts& l,
                                                           const Layouts& hinted) {
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const auto hint = forward_plan(hinted, false, user_scratchpad());
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), direct,  l.x,  l.any_w,          l.y, l.stride, l.dilation,
          l.before, l.after, hint, user_scratchpad()};
#else
  return {{direct, l.x, l.any_w, l.y, l.stride, l.dilation, l.before, l.after},
          user_scratchpad(),
          engine(),
          hint};
#endif
}
dnnl::convolution_backward_weights::primitive_desc weight_plan(const Layouts& l,
                                                               const Layouts& hinted,
                                                               bool has_bias) {
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const auto hint = forward_plan(hinted, has_bias, user_scratchpad());
  const Desc bias = has_bias ? l.bias : Desc();
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), direct,     l.x,      l.any_w, bias, l.y,
          l.stride, l.dilation, l.before, l.after, hint, user_scratchpad()};
#else
  return {{direct, l.x, l.any_w, bias, l.y, l.stride, l.dilation, l.before, l.after},
          user_scratchpad(),
          engine(),
          hint};
#endif
}

// oneDNN 2.6.3 computes a strided 1×1 convolution without a stride on a copy of the pixels that are
// read. In the gradient of the weights it writes that copy in whole vectors, beyond the end of its
// memory if there are fewer channels than a vector holds. valgrind reported this, and a narrow
// ResNet crashed.
bool overruns(const Conv2dShape& s) {
  constexpr i64 kVector = 16;
  return s.kernel.h * s.kernel.w == 1 && s.stride.h * s.stride.w > 1 &&
         s.channels / s.groups < kVector;
}

void bind_reorder(Entry& entry, const Desc& from, const Desc& to) {
  entry.reorders = from != to;
  if (!entry.reorders) return;
  const dnnl::reorder::primitive_desc plan(engine(), from, engine(), to, user_scratchpad());
  entry.reorder = Call(dnnl::reorder(plan), plan);
  entry.reorder.bind(DNNL_ARG_FROM, from);
  entry.reorder.bind(DNNL_ARG_TO, to);
}

template <class T>
std::unique_ptr<Entry> make_forward(const Conv2dShape& s, bool has_bias, Activation activation) {
  return make_entry<Entry>([&](Entry& entry) {
    const Layouts l(s, {type_of<T>(), type_of<T>(), kFloat});
    dnnl::primitive_attr attributes = user_scratchpad();
    dnnl::post_ops post;
    append_activation(post, activation);
    attributes.set_post_ops(post);
    const auto plan = forward_plan(l, has_bias, attributes);
    entry.usable = !is_reference(plan);
    entry.weight_bytes = static_cast<i64>(plan.weights_desc().get_size());
    entry.call = Call(dnnl::convolution_forward(plan), plan);
    entry.call.bind(DNNL_ARG_SRC, l.x);
    entry.call.bind(DNNL_ARG_WEIGHTS, plan.weights_desc());
    entry.call.bind(DNNL_ARG_DST, l.y);
    if (has_bias) entry.call.bind(DNNL_ARG_BIAS, l.bias);
    bind_reorder(entry, l.w, plan.weights_desc());
  });
}

// The hint that oneDNN requires for a gradient is the forward pass whose result has the type of the
// operands.
template <class T>
std::unique_ptr<Entry> make_input_gradient(const Conv2dShape& s) {
  return make_entry<Entry>([&](Entry& entry) {
    constexpr Type kMultiplied = type_of<T>();
    const Layouts l(s, {kFloat, kMultiplied, kMultiplied});
    const auto plan = input_plan(l, Layouts(s, {kMultiplied, kMultiplied, kMultiplied}));
    entry.usable = !is_reference(plan);
    entry.weight_bytes = static_cast<i64>(plan.weights_desc().get_size());
    entry.call = Call(dnnl::convolution_backward_data(plan), plan);
    entry.call.bind(DNNL_ARG_DIFF_SRC, l.x);
    entry.call.bind(DNNL_ARG_WEIGHTS, plan.weights_desc());
    entry.call.bind(DNNL_ARG_DIFF_DST, l.y);
    bind_reorder(entry, l.w, plan.weights_desc());
  });
}

template <class T>
std::unique_ptr<Entry> make_weight_gradient(const Conv2dShape& s, bool has_bias) {
  return make_entry<Entry>([&](Entry& entry) {
    constexpr Type kMultiplied = type_of<T>();
    const Layouts l(s, {kMultiplied, kFloat, kMultiplied});
    const auto plan = weight_plan(l, Layouts(s, {kMultiplied, kMultiplied, kMultiplied}), has_bias);
    entry.usable = !is_reference(plan) && !overruns(s);
    entry.weight_bytes = static_cast<i64>(plan.diff_weights_desc().get_size());
    entry.call = Call(dnnl::convolution_backward_weights(plan), plan);
    entry.call.bind(DNNL_ARG_SRC, l.x);
    entry.call.bind(DNNL_ARG_DIFF_DST, l.y);
    entry.call.bind(DNNL_ARG_DIFF_WEIGHTS, plan.diff_weights_desc());
    if (has_bias) entry.call.bind(DNNL_ARG_DIFF_BIAS, l.bias);
    bind_reorder(entry, plan.diff_weights_desc(), l.w);
  });
}

// Runs a call that reads the weights, either `w` or a copy of it in oneDNN's layout.
void run_with_weights(Entry& entry, const void* w) {
  if (!entry.reorders) {
    entry.call.set(DNNL_ARG_WEIGHTS, w);
    return entry.call.run();
  }
  const Scratch<u8, Cpu> reordered(Cpu{}, entry.weight_bytes);
  entry.reorder.set(DNNL_ARG_FROM, w);
  entry.reorder.set(DNNL_ARG_TO, reordered.data());
  entry.reorder.run();
  entry.call.set(DNNL_ARG_WEIGHTS, reordered.data());
  entry.call.run();
}

}  // namespace

template <class T>
bool conv2d(float* y, const T* x, const T* w, const float* bias, Activation activation,
            const Conv2dShape& s) {
  static PrimitiveCache<Key, Entry> cache;
  const i64 flags = (bias != nullptr ? 1 : 0) | static_cast<i64>(activation) << 1;
  Entry& entry =
      cache.find({s, flags}, [&] { return make_forward<T>(s, bias != nullptr, activation); });
  if (!entry.usable) return false;
  std::lock_guard lock(entry.mutex);
  entry.call.set(DNNL_ARG_SRC, x);
  entry.call.set(DNNL_ARG_DST, y);
  entry.call.set(DNNL_ARG_BIAS, bias);
  run_with_weights(entry, w);
  finish_relu({y, s.batch * s.out_height * s.out_width, s.out_channels}, activation);
  return true;
}

template <class T>
bool conv2d_input_gradient(float* dx, const T* dy, const T* w, const Conv2dShape& s) {
  static PrimitiveCache<Key, Entry> cache;
  Entry& entry = cache.find({s, 0}, [&] { return make_input_gradient<T>(s); });
  if (!entry.usable) return false;
  std::lock_guard lock(entry.mutex);
  entry.call.set(DNNL_ARG_DIFF_SRC, dx);
  entry.call.set(DNNL_ARG_DIFF_DST, dy);
  run_with_weights(entry, w);
  return true;
}

template <class T>
bool conv2d_weight_gradient(float* dw, float* dbias, const T* dy, const T* x,
                            const Conv2dShape& s) {
  static PrimitiveCache<Key, Entry> cache;
  Entry& entry = cache.find({s, dbias != nullptr ? 1 : 0},
                            [&] { return make_weight_gradient<T>(s, dbias != nullptr); });
  if (!entry.usable) return false;
  std::lock_guard lock(entry.mutex);
  entry.call.set(DNNL_ARG_SRC, x);
  entry.call.set(DNNL_ARG_DIFF_DST, dy);
  entry.call.set(DNNL_ARG_DIFF_BIAS, dbias);
  if (!entry.reorders) {
    entry.call.set(DNNL_ARG_DIFF_WEIGHTS, dw);
    entry.call.run();
    return true;
  }
  const Scratch<u8, Cpu> reordered(Cpu{}, entry.weight_bytes);
  entry.call.set(DNNL_ARG_DIFF_WEIGHTS, reordered.data());
  entry.call.run();
  entry.reorder.set(DNNL_ARG_FROM, reordered.data());
  entry.reorder.set(DNNL_ARG_TO, dw);
  entry.reorder.run();
  return true;
}

#else

template <class T>
bool conv2d(float*, const T*, const T*, const float*, Activation, const Conv2dShape&) {
  return false;
}
template <class T>
bool conv2d_input_gradient(float*, const T*, const T*, const Conv2dShape&) {
  return false;
}
template <class T>
bool conv2d_weight_gradient(float*, float*, const T*, const T*, const Conv2dShape&) {
  return false;
}

#endif

#define WEFT_CONV2D(T)                                                                            \
  template bool conv2d(float*, const T*, const T*, const float*, Activation, const Conv2dShape&); \
  template bool conv2d_input_gradient(float*, const T*, const T*, const Conv2dShape&);            \
  template bool conv2d_weight_gradient(float*, float*, const T*, const T*, const Conv2dShape&);
WEFT_CONV2D(float)
WEFT_CONV2D(bfloat16)

}  // namespace weft::kernels::onednn
