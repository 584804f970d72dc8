// SPDX-License-Identifier: Apache-2.0
// libweft_nccl.so: collectives on GPUs by NCCL, queued on a stream of their own.
// Source: docs.nvidia.com/deeplearning/nccl/user-guide, "Creating a Communicator", "Fault
// Tolerance", "Using NCCL with CUDA Graphs".
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>

#include <nccl.h>

#include "weft/core/error.h"
#include "weft/device/gpu/gpu.h"
#include "weft/dist/backend.h"

namespace weft::dist {
namespace {

// NCCL's words; take_part() makes a sentence of them.
void check(ncclResult_t result) {
  if (result == ncclSuccess) return;
  const std::string more = ncclGetLastError(nullptr);
  throw std::runtime_error(
      fmt::format("NCCL: {}{}{}", ncclGetErrorString(result), more.empty() ? "" : ": ", more));
}

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return ncclFloat32;
    case DType::f64: return ncclFloat64;
    case DType::f16: return ncclFloat16;
    case DType::bf16: return ncclBfloat16;
    case DType::int64: return ncclInt64;
    case DType::int32: return ncclInt32;
    case DType::uint8: return ncclUint8;
  }
  throw InternalError("nccl: a dtype without a type of NCCL");
}

std::size_t count_of(const Tensor& x) { return static_cast<std::size_t>(x.elements()); }

ncclUniqueId shared_id(const BackendSetup& setup) {
  constexpr const char* kKey = "nccl/id";
  ncclUniqueId id{};
  if (setup.rank == 0) {
    check(ncclGetUniqueId(&id));
    for (i64 rank = 1; rank < setup.size; ++rank)
      setup.store.set(kKey + std::to_string(rank), {id.internal, sizeof id.internal});
    return id;
  }
  const std::string text = setup.store.get(kKey + std::to_string(setup.rank), setup.timeout);
  WEFT_ASSERT(text.size() == sizeof id.internal, "nccl: an id of {} bytes", text.size());
  std::memcpy(id.internal, text.data(), text.size());
  return id;
}

class NcclBackend : public Backend {
 public:
  explicit NcclBackend(const BackendSetup& setup) {
    const ncclUniqueId id = shared_id(setup);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    check(ncclCommInitRankConfig(&communicator_, static_cast<int>(setup.size), id,
                                 static_cast<int>(setup.rank), &config));
    // The first operation connects the ranks, which cannot be recorded in a graph.
    token_ = Tensor::zeros({1}, DType::f32, Cuda{stream_.handle()});
    barrier();
    gpu::synchronize(stream_.handle());
  }
  // Does not wait for other ranks, as ncclCommDestroy would.
  ~NcclBackend() override { give_up(); }

  StreamHandle stream() const override { return stream_.handle(); }

  void all_reduce(const Tensor& values) override {
    check_state();
    check(ncclAllReduce(values.raw(), values.raw(), count_of(values), type_of(values.dtype()),
                        ncclSum, communicator_, stream_.handle()));
  }
  void reduce_scatter(const Tensor& values, const Tensor& part) override {
    check_state();
    check(ncclReduceScatter(values.raw(), part.raw(), count_of(part), type_of(part.dtype()),
                            ncclSum, communicator_, stream_.handle()));
  }
  void all_gather(const Tensor& part, const Tensor& values) override {
    check_state();
    check(ncclAllGather(part.raw(), values.raw(), count_of(part), type_of(part.dtype()),
                        communicator_, stream_.handle()));
  }
  void broadcast(const Tensor& values, i64 root) override {
    check_state();
    check(ncclBroadcast(values.raw(), values.raw(), count_of(values), type_of(values.dtype()),
                        static_cast<int>(root), communicator_, stream_.handle()));
  }
  void barrier() override { all_reduce(token_); }

  void give_up() override {
    if (!aborted_.exchange(true)) static_cast<void>(ncclCommAbort(communicator_));
  }

 private:
  // Errors of operations that were queued before, such as a connection that has closed.
  void check_state() const {
    if (aborted_) throw std::runtime_error("NCCL: the communicator was aborted");
    ncclResult_t state = ncclSuccess;
    check(ncclCommGetAsyncError(communicator_, &state));
    check(state);
  }

  gpu::Stream stream_;
  Tensor token_;  // of barrier()
  ncclComm_t communicator_ = nullptr;
  std::atomic<bool> aborted_ = false;
};

}  // namespace
}  // namespace weft::dist

extern "C" __attribute__((visibility("default"))) weft::dist::Backend* weft_make_backend(
    const weft::dist::BackendSetup& setup) {
  return new weft::dist::NcclBackend(setup);
}
