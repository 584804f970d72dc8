// SPDX-License-Identifier: Apache-2.0
// The devices: where a tensor is stored and where a kernel runs.
//
// A kernel is a template on the type of its first argument, Cpu or Cuda, and each device's file
// defines it for that device (Note [One declaration per kernel] in kernels/common/views.h). The
// variant `Device` has only the devices of this build, so visiting it never names a kernel that was
// not built.
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

// The GPU of this process. Streams order work and own no memory, so two values with different
// streams are the same device. A null stream stands for the compute stream wherever a tensor is
// made. The type is declared in every build, so that contracts can name it; it is an alternative of
// Device only in builds with a GPU.
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
// True if this build can name a GPU; the machine may still have none.
inline constexpr bool kHasCuda = std::variant_size_v<Device> > 1;

inline bool is_cpu(const Device& device) { return std::holds_alternative<Cpu>(device); }

// "cpu", "cuda"
std::string name_of(const Device& device);

// Returns the device named in a config: "cpu", "cuda", or "auto" (the fastest device of this build
// and machine; if it is the CPU because a GPU cannot be used, a notice is logged). Throws UserError
// for an unknown name or for a device that this build or machine lacks.
Device device_named(const std::string& name);

// Describes the devices that this build and machine can train on: "cpu, cuda (NVIDIA H100)".
std::string devices_text();

// Waits until all work queued on the device is done. CPU work is done when a call returns.
void synchronize(const Device& device);

namespace detail {
Device with_stream(const Device& device);
}
// Gives the compute stream to a GPU without a stream.
inline Device with_stream(const Device& device) {
  if constexpr (kHasCuda) return detail::with_stream(device);
  else return device;
}

}  // namespace weft
