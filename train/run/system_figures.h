// SPDX-License-Identifier: Apache-2.0
// SystemFigures: how busy the process, the machine and its GPUs are. What the system does not say
// is left out.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "weft/core/clock.h"
#include "weft/core/types.h"

namespace weft::train {

class Nvml;

// The memory of a process that the machine holds, in bytes; 0 if it cannot be read.
i64 resident_bytes(i64 process);

class SystemFigures {
 public:
  SystemFigures();
  ~SystemFigures();

  // By name:
  //   process/cpu             cores that the process has kept busy since the last call (or since
  //                           this was made)
  //   process/memory_bytes    its resident memory
  //   machine/cpu             the busy share of all cores, 0 to 1, since the last call
  //   machine/memory_bytes    memory that is not available; machine/memory_total_bytes
  //   gpuN/utilization        the share of the time in which a kernel ran, 0 to 1
  //   gpuN/memory_bytes       used; gpuN/memory_total_bytes
  //   gpuN/power_watts
  std::map<std::string, double> read();

 private:
  struct Ticks {
    double busy = 0, all = 0;
  };
  static Ticks machine_ticks();
  static double process_seconds();

  Clock::time_point read_at_;
  double process_seconds_ = 0;
  Ticks machine_;
  std::unique_ptr<Nvml> nvml_;  // null without a GPU of NVIDIA
};

}  // namespace weft::train
