// SPDX-License-Identifier: Apache-2.0
#include "weft/device/readback.h"

#include "weft/device/gpu/graph.h"

namespace weft {
namespace {

class Pinned final : public Readback {
 public:
  Pinned(StreamHandle stream, i64 bytes)
      : stream_(stream), bytes_(bytes), memory_(gpu::pinned_allocate(bytes)) {}
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() override {
    try {
      arrived_.synchronize();
    } catch (...) {  // the next wait reports it
    }
    gpu::pinned_free(memory_);
  }

  void start(const void* from) override {
    gpu::refuse_in_capture(stream_, "copy to the host");
    gpu::copy_to_pinned(stream_, memory_, from, bytes_);
    arrived_.record(stream_);
  }
  const void* wait() override {
    arrived_.synchronize();
    return memory_;
  }

 private:
  StreamHandle stream_;
  i64 bytes_;
  void* memory_;
  gpu::Event arrived_;
};

}  // namespace

std::unique_ptr<Readback> make_readback(Cuda device, i64 bytes) {
  return std::make_unique<Pinned>(std::get<Cuda>(with_stream(device)).stream, bytes);
}

}  // namespace weft
