// SPDX-License-Identifier: Apache-2.0
// Where a tensor lives and where a kernel runs.
//
// A kernel is a template on its first argument's type, Cpu or Cuda, and each device's file defines
// it for its own (Note [One declaration per kernel] in kernels/common/views.h). The variant
// `Device` has the devices of this build only, so visiting it never names a kernel that was not
// built.
#pragma once
#include <string>
#include <variant>

struct CUstream_st;

namespace weft {

struct Cpu {
  static constexpr const char* kName = "cpu";
  friend bool operator==(Cpu, Cpu) { return true; }
};

// A GPU's stream: cudaStream_t, or the emulated device's. Null is the default stream.
using StreamHandle = CUstream_st*;

// The GPU of this process. Streams order work and own no memory, so they do not tell devices apart;
// null stands for the one that tensors are computed on, wherever a tensor is made. Declared in
// every build, so that contracts can name it; an alternative of Device where built.
struct Cuda {
  static constexpr const char* kName = "cuda";
  StreamHandle stream = nullptr;
  friend bool operator==(Cuda, Cuda) { return true; }
};

#ifdef WEFT_HAS_CUDA
using Device = std::variant<Cpu, Cuda>;
#else
using Device = std::variant<Cpu>;
#endif
// Whether this build can name a GPU; the machine may have none all the same.
inline constexpr bool kHasCuda = std::variant_size_v<Device> > 1;

inline bool is_cpu(const Device& device) { return std::holds_alternative<Cpu>(device); }

// "cpu", "cuda"
std::string name_of(const Device& device);

// The device named in a config: "cpu", "cuda", or "auto" (the fastest this build and machine have;
// a notice where that is the CPU because a GPU cannot be used). Throws UserError for an unknown
// name or a device that this build or machine lacks.
Device device_named(const std::string& name);

// What this build and machine can train on, for people: "cpu, cuda (NVIDIA H100)".
std::string devices_text();

// Waits until all work given to the device is done. On the CPU work is done when a call returns.
void synchronize(const Device& device);

namespace detail {
Device with_stream(const Device& device);
}
// A GPU without a stream gets the one that tensors are computed on.
inline Device with_stream(const Device& device) {
  if constexpr (kHasCuda) return detail::with_stream(device);
  else return device;
}

}  // namespace weft
