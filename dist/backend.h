// SPDX-License-Identifier: Apache-2.0
// What a communication library does for a process group: libweft_gloo.so on CPUs. Each backend is a
// library of its own, opened by a process that is one of several ranks and by no other.
#pragma once
#include <chrono>
#include <string>

#include "weft/core/types.h"
#include "weft/dist/store.h"
#include "weft/tensor/tensor.h"

namespace weft::dist {

struct BackendSetup {
  i64 rank = 0, size = 1;
  Store& store;
  std::string address;                // of this machine, for the other ranks
  std::chrono::milliseconds timeout;  // of each operation
};

// All ranks call the same operations in the same order, with tensors of equal shape and dtype on
// the backend's kind of device. An operation throws what its library throws; ProcessGroup turns
// that into a sentence.
class Backend {
 public:
  virtual ~Backend() = default;
  // Replaces the elements by their sums over all ranks, in f32 for f16 and bf16.
  virtual void all_reduce(const Tensor& values) = 0;
  // `values` has size · part.elements() elements and is overwritten. Part r of the sums goes to
  // rank r.
  virtual void reduce_scatter(const Tensor& values, const Tensor& part) = 0;
  virtual void all_gather(const Tensor& part, const Tensor& values) = 0;
  virtual void broadcast(const Tensor& values, i64 root) = 0;
  virtual void barrier() = 0;
};

// The function that the library of a backend has.
inline constexpr const char* kBackendFunction = "weft_make_backend";
using MakeBackend = Backend*(const BackendSetup& setup);

}  // namespace weft::dist
