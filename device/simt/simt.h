// SPDX-License-Identifier: Apache-2.0
// The SIMT emulator: runs a CUDA kernel, compiled as plain C++, on the CPU. Each CUDA thread is a
// fiber with a stack of its own; one OS thread runs them all, block after block, in an order that a
// test chooses. It finds, by itself: barriers that not all threads reach, warp operations whose
// lanes are missing or disagree, impossible launches, results that depend on the order of threads
// or on uninitialised shared memory. Under AddressSanitizer it finds accesses outside an array,
// under UndefinedBehaviorSanitizer misaligned ones, under ThreadSanitizer races in shared and
// global memory.
//
// Not modelled: speed, bank conflicts, registers, the weak ordering of memory beyond a missing
// fence. A thread that spins on what another block writes hangs. docs/kernels.md has the whole
// picture.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/types.h"
#include "weft/device/call_site.h"
#include "weft/device/simt/types.h"

namespace weft::simt {

enum class Fault {
  barrier_divergence,  // threads of a block wait at different barriers, or some have exited
  deadlock,            // threads wait for lanes that never come
  warp_mask,           // a lane outside its own mask, or lanes of one mask in different operations
  inactive_lane,       // a shuffle reads a lane that takes no part
  bad_launch,          // no GPU has room for such a block
  trap,                // __trap(), or what traps on a GPU
  exception,           // C++ code in the kernel threw
};

// A fault of a kernel; the message names kernel, block, thread and line. The GPU's counterpart is
// an error that a later call reports.
class KernelError : public InternalError {
 public:
  KernelError(Fault fault, const std::string& message) : InternalError(message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

// The order in which ready threads run, and blocks.
enum class Order { forward, reverse, random };

struct Options {
  Order order = Order::forward;
  u64 seed = 0;  // of Order::random
  // Shared memory is filled with this byte at the start of a block. 0xff is NaN in each floating
  // type and −1 in each signed one; 0x7f is a huge number, which a comparison does not swallow.
  u8 poison = 0xff;
  // A barrier that some threads of the block have exited before is an error (recent GPUs let it
  // pass).
  bool strict_exit = true;
  // For mutation tests: the __syncthreads(), __syncwarp() or __threadfence() of this file name and
  // line does nothing.
  CallSite skip = {};
};
// Of the process; a test sets them through ScopedOptions.
Options& options();
class ScopedOptions {
 public:
  explicit ScopedOptions(const Options& wanted) : saved_(options()) { options() = wanted; }
  ~ScopedOptions() { options() = saved_; }
  ScopedOptions(const ScopedOptions&) = delete;
  ScopedOptions& operator=(const ScopedOptions&) = delete;

 private:
  Options saved_;
};

struct Statistics {
  u64 launches = 0, blocks = 0, threads = 0, switches = 0;
};
Statistics& statistics();

// Barriers and fences that a thread has come to since forget_sync_sites(), in order of first use.
struct SyncSite {
  std::string_view operation;  // "__syncthreads"
  CallSite place;
};
std::vector<SyncSite> visited_sync_sites();
void forget_sync_sites();

struct Grid {
  dim3 grid{1}, block{1};
  std::size_t smem = 0;
};
// Throws KernelError for a grid that no GPU takes.
void check_grid(const Grid& grid, std::string_view name);
// Calls `kernel` once for each thread of the grid. Throws KernelError. `name` is for messages.
void run_grid(const Grid& grid, std::string_view name, const std::function<void()>& kernel);

// "kernel weft::kernels::softmax<float>, block (0,0,0), thread (3,0,0)", or "host code".
std::string where();

}  // namespace weft::simt
