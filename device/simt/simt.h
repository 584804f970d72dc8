// SPDX-License-Identifier: Apache-2.0
// The SIMT emulator runs a CUDA kernel, compiled as plain C++, on the CPU. Each CUDA thread is a
// fiber with a stack of its own. One OS thread runs all fibers, block after block, in an order that
// a test chooses. The emulator itself finds barriers that not all threads reach, warp operations
// whose lanes are missing or disagree, impossible launches, and results that depend on the order of
// threads or on uninitialised shared memory. AddressSanitizer adds accesses outside an array,
// UndefinedBehaviorSanitizer misaligned accesses, and ThreadSanitizer races in shared and global
// memory.
//
// It does not model speed, bank conflicts, registers, or the weak ordering of memory beyond a
// missing fence. A thread that spins on a value written by another block hangs. docs/kernels.md
// describes the emulator.
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
  deadlock,            // threads wait for lanes that never arrive
  warp_mask,           // a lane outside its own mask, or lanes of one mask in different operations
  inactive_lane,       // a shuffle reads a lane that does not take part
  bad_launch,          // no GPU can run such a block
  shared_overflow,     // a write behind shared memory
  trap,                // __trap(), or an operation that traps on a GPU
  exception,           // C++ code in the kernel threw
};

// A fault of a kernel. The message names kernel, block, thread and line. On a GPU, the same fault
// is an error that a later call reports.
class KernelError : public InternalError {
 public:
  KernelError(Fault fault, const std::string& message) : InternalError(message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

// The order in which ready threads and blocks run.
enum class Order { forward, reverse, random };

struct Options {
  Order order = Order::forward;
  u64 seed = 0;  // of Order::random
  // Shared memory is filled with this byte at the start of a block. 0xff is NaN in each floating
  // type and −1 in each signed one. 0x7f is a huge number, which does not make every comparison
  // false as NaN does.
  u8 poison = 0xff;
  // If true, a barrier is an error when some threads of the block have already exited (recent GPUs
  // let the barrier pass).
  bool strict_exit = true;
  // For mutation tests: disables the __syncthreads(), __syncwarp() or __threadfence() at this file
  // name and line.
  CallSite skip = {};
};
// The options of the process. A test sets them through ScopedOptions.
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

// The barriers and fences that a thread has reached since forget_sync_sites(), in order of first
// use.
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
// Throws KernelError for a grid that no GPU can run.
void check_grid(const Grid& grid, std::string_view name);
// Calls `kernel` once for each thread of the grid. Throws KernelError. `name` is used in messages.
void run_grid(const Grid& grid, std::string_view name, const std::function<void()>& kernel);

// Returns "kernel weft::kernels::softmax<float>, block (0,0,0), thread (3,0,0)", or "host code".
std::string where();

}  // namespace weft::simt
