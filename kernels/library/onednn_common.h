// SPDX-License-Identifier: Apache-2.0
// The shared part of the oneDNN sources: the engine, the stream and a cache of primitives by shape.
// Only kernels/library/onednn_*.cpp include this file.
#pragma once
#ifdef WEFT_HAS_ONEDNN
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "weft/kernels/common/half.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/matmul.h"

namespace weft::kernels::onednn {

inline dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}
inline dnnl::stream& stream() {
  thread_local dnnl::stream cpu(engine());
  return cpu;
}

template <class T>
constexpr dnnl::memory::data_type type_of() {
  return std::is_same_v<T, bfloat16> ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

// Returns whether oneDNN would use its reference code, which is slower than Eigen by orders of
// magnitude.
template <class Plan>
bool is_reference(const Plan& plan) {
  return std::strncmp(plan.impl_info_str(), "ref", 3) == 0;
}

// While it lives, OpenMP starts as many threads as omp_get_max_threads() says. Kernels of oneDNN
// wait for each other, for that many threads, and would wait forever if there were fewer:
// OMP_DYNAMIC lets the number follow the load of the machine, and OMP_THREAD_LIMIT caps it.
class ThreadsAsPromised {
#ifdef _OPENMP
 public:
  ThreadsAsPromised() : dynamic_(omp_get_dynamic()), threads_(omp_get_max_threads()) {
    omp_set_dynamic(0);
    if (threads_ > omp_get_thread_limit()) omp_set_num_threads(omp_get_thread_limit());
  }
  ~ThreadsAsPromised() {
    omp_set_dynamic(dynamic_);
    omp_set_num_threads(threads_);
  }
  ThreadsAsPromised(const ThreadsAsPromised&) = delete;
  ThreadsAsPromised& operator=(const ThreadsAsPromised&) = delete;

 private:
  int dynamic_, threads_;
#else
 public:
  ThreadsAsPromised() {}  // used by its lifetime alone
#endif
};

// A primitive whose arguments are bound once. A run changes only the addresses, so that it builds
// no map and allocates nothing except the scratchpad and what oneDNN allocates: its own map, with a
// node for each argument, and closures (6 to 9 calls of the heap for a product). It is not
// thread-safe.
class Call {
 public:
  Call() = default;
  template <class Description>
  Call(const dnnl::primitive& primitive, const Description& plan)
      : primitive_(primitive),
        scratchpad_bytes_(static_cast<i64>(plan.scratchpad_desc().get_size())) {
    bind(DNNL_ARG_SCRATCHPAD, plan.scratchpad_desc());
  }
  void bind(int argument, const dnnl::memory::desc& layout) {
    memories_.emplace_back(layout, engine(), nullptr);
    arguments_.push_back({argument, memories_.back().get()});
  }
  void set(int argument, const void* data) {
    for (std::size_t i = 0; i < arguments_.size(); ++i)
      if (arguments_[i].arg == argument) memories_[i].set_data_handle(const_cast<void*>(data));
  }
  void run() {
    const ThreadsAsPromised threads;
    const Scratch<u8, Cpu> scratch(Cpu{}, scratchpad_bytes_);
    memories_[0].set_data_handle(scratch.data());
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(primitive_.get(), stream().get(),
                               static_cast<int>(arguments_.size()), arguments_.data()),
        "could not execute a primitive");
    stream().wait();
  }

 private:
  dnnl::primitive primitive_;
  i64 scratchpad_bytes_ = 0;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

// make(entry) fills a new entry and sets whether it is usable. oneDNN throws if it does not
// implement the problem, and the entry then stays unusable.
template <class Entry, class Make>
std::unique_ptr<Entry> make_entry(const Make& make) {
  auto entry = std::make_unique<Entry>();
  try {
    make(*entry);
  } catch (const dnnl::error& error) {
    if (error.status != dnnl_unimplemented) throw;
  }
  return entry;
}

// A cache of primitives. The key is a plain struct without padding. Creating a primitive takes
// about a millisecond, and a lookup takes well under a microsecond. Entries are never removed,
// because a run has few shapes.
template <class Key, class Entry>
class PrimitiveCache {
  static_assert(std::has_unique_object_representations_v<Key>);

 public:
  template <class Make>
  Entry& find(const Key& key, const Make& make) {
    const ThreadsAsPromised threads;
    std::lock_guard lock(mutex_);
    std::unique_ptr<Entry>& entry = entries_[key];
    if (entry == nullptr) entry = make();
    return *entry;
  }

 private:
  struct Hash {
    std::size_t operator()(const Key& key) const {
      u64 words[sizeof(Key) / 8];
      std::memcpy(words, &key, sizeof(words));
      u64 hash = 0x9e3779b97f4a7c15u;
      for (const u64 word : words) hash = (hash ^ word) * 0xff51afd7ed558ccdu, hash ^= hash >> 32;
      return hash;
    }
  };
  struct Equal {
    bool operator()(const Key& a, const Key& b) const {
      return std::memcmp(&a, &b, sizeof(Key)) == 0;
    }
  };
  std::mutex mutex_;
  std::unordered_map<Key, std::unique_ptr<Entry>, Hash, Equal> entries_;
};

// Appends the activation as a post-op. gelu is the erf form, as in elementwise_ops.h. finish_relu()
// computes relu, because oneDNN's relu turns NaN into 0, which would hide a diverged training.
inline void append_activation(dnnl::post_ops& ops, Activation activation) {
  switch (activation) {
    case Activation::none:
    case Activation::relu: return;
    case Activation::gelu:
      return ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f);
    case Activation::silu:
      return ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_swish, 1.0f, 0.0f);
    case Activation::tanh:
      return ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_tanh, 0.0f, 0.0f);
    case Activation::sigmoid:
      return ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_logistic, 0.0f, 0.0f);
  }
}

inline void finish_relu(Rows<float> y, Activation activation) {
  if (activation == Activation::relu) add_bias_and_activate<float>(Cpu{}, y, nullptr, activation);
}

}  // namespace weft::kernels::onednn
#endif
