// SPDX-License-Identifier: Apache-2.0
// Where a tensor lives and where a kernel runs.
//
// A kernel is an overload set on its first argument: relu(Cpu, …), relu(Cuda, …). `Device` is a
// variant of the devices this build has, so visiting it never names a kernel that was not built,
// and a kernel that is missing for a device is a link error that names op and device.
#pragma once
#include <string>
#include <variant>

struct CUstream_st;

namespace weft {

struct Cpu {
  friend bool operator==(Cpu, Cpu) { return true; }
};

// A GPU's stream: cudaStream_t, or the emulated device's. Null is the default stream.
using StreamHandle = CUstream_st*;

// The GPU of this process. Streams order work and own no memory, so they do not tell devices apart.
// Declared in every build, so that contracts can name it; an alternative of Device where built.
struct Cuda {
  StreamHandle stream = nullptr;
  friend bool operator==(Cuda, Cuda) { return true; }
};

using Device = std::variant<Cpu>;

// "cpu"
std::string name_of(const Device& device);

// The device named in a config: "cpu" or "auto" (the fastest this build and machine have).
// Throws UserError for an unknown name or a device that this build or machine lacks.
Device device_named(const std::string& name);

// Waits until all work given to the device is done. On the CPU work is done when a call returns.
void synchronize(const Device& device);

}  // namespace weft
