// SPDX-License-Identifier: Apache-2.0
// libweft_gloo.so: collectives on CPUs by Gloo, over TCP. Gloo's connections are neither encrypted
// nor authenticated.
// Source: github.com/facebookincubator/gloo, docs/algorithms.md and docs/rendezvous.md.
#include <algorithm>
#include <memory>
#include <vector>

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>
#include <gloo/reduce_scatter.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>

#include "weft/core/error.h"
#include "weft/dist/backend.h"

namespace weft::dist {
namespace {

// Gloo's reduce-scatter counts bytes in an int.
constexpr i64 kMostScatterBytes = i64{1} << 29;

// The addresses of Gloo's connections, by the store of rank 0. The base class's wait() with a
// timeout would ignore it.
class GlooStore : public gloo::rendezvous::Store {
 public:
  GlooStore(dist::Store& store, std::chrono::milliseconds timeout)
      : store_(store), timeout_(timeout) {}
  void set(const std::string& key, const std::vector<char>& data) override {
    store_.set(kPrefix + key, {data.begin(), data.end()});
  }
  std::vector<char> get(const std::string& key) override {
    const std::string value = store_.get(kPrefix + key, timeout_);
    return {value.begin(), value.end()};
  }
  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout_); }
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override {
    for (const std::string& key : keys) store_.get(kPrefix + key, timeout);
  }

 private:
  static constexpr const char* kPrefix = "gloo/";
  dist::Store& store_;
  std::chrono::milliseconds timeout_;
};

template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return T(static_cast<float>(a) + static_cast<float>(b));
  else return static_cast<T>(a + b);
}

template <class T>
void add_to(T* sums, const T* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sums[i] = sum_of(sums[i], values[i]);
}

class GlooBackend : public Backend {
 public:
  explicit GlooBackend(const BackendSetup& setup) : size_(setup.size) {
    gloo::transport::tcp::attr address;
    address.hostname = setup.address;
    auto device = gloo::transport::tcp::CreateDevice(address);
    auto context = std::make_shared<gloo::rendezvous::Context>(static_cast<int>(setup.rank),
                                                               static_cast<int>(size_));
    context->setTimeout(setup.timeout);
    GlooStore store(setup.store, setup.timeout);
    context->connectFullMesh(store, device);
    context_ = context;
  }

  void all_reduce(const Tensor& values) override {
    visit_any(values.dtype(), [&]<class T>() {
      gloo::AllreduceOptions options(context_);
      options.setOutput(values.data<T>(), static_cast<std::size_t>(values.elements()));
      options.setReduceFunction([](void* sums, const void* a, const void* b, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
          static_cast<T*>(sums)[i] =
              sum_of(static_cast<const T*>(a)[i], static_cast<const T*>(b)[i]);
      });
      gloo::allreduce(options);
    });
  }

  void reduce_scatter(const Tensor& values, const Tensor& part) override {
    visit_any(part.dtype(), [&]<class T>() {
      const gloo::ReductionFunction<T> sum(gloo::CUSTOM, &add_to<T>);
      const i64 part_size = part.elements();
      const i64 most = std::max<i64>(kMostScatterBytes / size_ / static_cast<i64>(sizeof(T)), 1);
      std::vector<T> together;
      for (i64 begin = 0; begin < part_size; begin += most) {
        const i64 count = std::min(most, part_size - begin);
        together.resize(static_cast<std::size_t>(count * size_));
        for (i64 rank = 0; rank < size_; ++rank)
          std::copy_n(values.data<T>() + rank * part_size + begin, count,
                      together.data() + rank * count);
        gloo::ReduceScatterHalvingDoubling<T> scatter(
            context_, {together.data()}, static_cast<int>(together.size()),
            std::vector<int>(static_cast<std::size_t>(size_), static_cast<int>(count)), &sum);
        scatter.run();
        std::copy_n(together.data(), count, part.data<T>() + begin);
      }
    });
  }

  void all_gather(const Tensor& part, const Tensor& values) override {
    gloo::AllgatherOptions options(context_);
    options.setInput(static_cast<char*>(part.raw()), static_cast<std::size_t>(bytes_of(part)));
    options.setOutput(static_cast<char*>(values.raw()), static_cast<std::size_t>(bytes_of(values)));
    gloo::allgather(options);
  }

  void broadcast(const Tensor& values, i64 root) override {
    gloo::BroadcastOptions options(context_);
    options.setOutput(static_cast<char*>(values.raw()), static_cast<std::size_t>(bytes_of(values)));
    options.setRoot(static_cast<int>(root));
    gloo::broadcast(options);
  }

  void barrier() override {
    gloo::BarrierOptions options(context_);
    gloo::barrier(options);
  }

 private:
  i64 size_;
  std::shared_ptr<gloo::Context> context_;
};

}  // namespace
}  // namespace weft::dist

extern "C" __attribute__((visibility("default"))) weft::dist::Backend* weft_make_backend(
    const weft::dist::BackendSetup& setup) {
  return new weft::dist::GlooBackend(setup);
}
