// SPDX-License-Identifier: Apache-2.0
// The stand-in for NCCL on the emulated GPU, whose memory is the host's: its stream runs Gloo's
// operations, as late as is legal. A missing wait gives wrong values.
#include <atomic>
#include <utility>

#include "weft/device/emulated/stream.h"
#include "weft/device/gpu/gpu.h"
#include "weft/dist/backend.h"
#include "weft/dist/take_part.h"

namespace weft::dist {
namespace {

// The same elements, as if they were on the CPU. It does not keep them alive, as a queued operation
// of NCCL would not.
Tensor on_host(const Tensor& x) {
  return visit_any(x.dtype(), [&]<class T>() {
    return Tensor::view_of(std::span(x.data<T>(), static_cast<std::size_t>(x.elements())),
                           x.shape(), nullptr);
  });
}

class QueuedBackend : public Backend {
 public:
  QueuedBackend(std::unique_ptr<Backend> on_cpu, const BackendSetup& setup)
      : on_cpu_(std::move(on_cpu)), store_(setup.store), silence_(setup.silence) {}

  // As NCCL's, it waits for no other rank.
  ~QueuedBackend() override { given_up_ = true; }

  StreamHandle stream() const override { return stream_.handle(); }
  void all_reduce(const Tensor& values) override {
    queue("all-reduce", [this, x = on_host(values)] { on_cpu_->all_reduce(x); });
  }
  void reduce_scatter(const Tensor& values, const Tensor& part) override {
    queue("reduce-scatter",
          [this, x = on_host(values), y = on_host(part)] { on_cpu_->reduce_scatter(x, y); });
  }
  void all_gather(const Tensor& part, const Tensor& values) override {
    queue("all-gather",
          [this, x = on_host(part), y = on_host(values)] { on_cpu_->all_gather(x, y); });
  }
  void broadcast(const Tensor& values, i64 root) override {
    queue("broadcast", [this, x = on_host(values), root] { on_cpu_->broadcast(x, root); });
  }
  void barrier() override {
    queue("barrier", [this] { on_cpu_->barrier(); });
  }
  void give_up() override { given_up_ = true; }

 private:
  void queue(const char* operation, std::function<void()> run) {
    emulated::enqueue(stream_.handle(), [this, operation, run = std::move(run)] {
      if (!given_up_) take_part(store_, silence_, operation, run);
    });
  }

  std::unique_ptr<Backend> on_cpu_;
  Store& store_;
  std::chrono::milliseconds silence_;
  std::atomic<bool> given_up_ = false;
  gpu::Stream stream_;  // waits for its work before the rest goes
};

}  // namespace

BackendMaker detail::open_backend_of_gpu(i64 size) {
  return [make = open_library("libweft_gloo.so", "libgloo-dev", size)](const BackendSetup& setup) {
    return std::make_unique<QueuedBackend>(make(setup), setup);
  };
}

}  // namespace weft::dist
