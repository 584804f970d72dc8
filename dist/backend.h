// SPDX-License-Identifier: Apache-2.0
// What a communication library does for a process group: libweft_gloo.so on CPUs, libweft_nccl.so
// on GPUs. Each backend is a library of its own, opened by a process that is one of several ranks
// and by no other. On the emulated GPU a stand-in queues Gloo's operations as NCCL queues its own.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "weft/core/enum_names.h"
#include "weft/core/types.h"
#include "weft/dist/store.h"
#include "weft/tensor/tensor.h"

namespace weft::dist {

enum class BackendKind { auto_, gloo, nccl };
constexpr EnumNames<3> names_of(BackendKind) { return {"auto", "gloo", "nccl"}; }

struct BackendSetup {
  i64 rank = 0, size = 1;
  Store& store;                       // outlives the backend
  std::string address;                // of this machine, for the other ranks
  std::chrono::milliseconds timeout;  // of each operation
  std::chrono::milliseconds silence;  // after which a rank counts as lost
};

// All ranks call the same operations in the same order, with tensors of equal shape and dtype on
// the backend's kind of device. An operation throws what its library throws; take_part() turns that
// into a sentence.
class Backend {
 public:
  virtual ~Backend() = default;
  // A backend of a GPU queues its operations on this stream, and the tensors have their values when
  // it has reached them. On the CPU there is none, and an operation is done when it returns.
  virtual StreamHandle stream() const { return nullptr; }

  // Replaces the elements by their sums over all ranks, in f32 for f16 and bf16.
  virtual void all_reduce(const Tensor& values) = 0;
  // `values` has size · part.elements() elements and is overwritten. Part r of the sums goes to
  // rank r.
  virtual void reduce_scatter(const Tensor& values, const Tensor& part) = 0;
  virtual void all_gather(const Tensor& part, const Tensor& values) = 0;
  virtual void broadcast(const Tensor& values, i64 root) = 0;
  virtual void barrier() = 0;

  // Ends operations that wait for other ranks, if the library can. Called on another thread when
  // the job has ended.
  virtual void give_up() {}
};

// The function that the library of a backend has.
inline constexpr const char* kBackendFunction = "weft_make_backend";
using MakeBackend = Backend*(const BackendSetup& setup);

// Makes the backend of a rank, which waits for the others.
using BackendMaker = std::function<std::unique_ptr<Backend>(const BackendSetup& setup)>;

// Finds the backend for the device and opens its library. Throws UserError for a kind that the
// device does not have, or that this build lacks.
BackendMaker open_backend(BackendKind kind, const Device& device, i64 size);

namespace detail {
// The maker of a library beside libweft. `needs` is what a build that has it requires.
BackendMaker open_library(const std::string& name, const char* needs, i64 size);
// As open_backend(), for the GPU of this build: open_backend_cuda.cpp, open_backend_emulated.cpp.
BackendMaker open_backend_of_gpu(i64 size);
}  // namespace detail

}  // namespace weft::dist
