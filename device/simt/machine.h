// SPDX-License-Identifier: Apache-2.0
// The state of the emulator. Inside device/simt only.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "weft/device/simt/collectives.h"
#include "weft/device/simt/intrinsics.h"
#include "weft/device/simt/sanitizers.h"
#include "weft/device/simt/simt.h"

namespace weft::simt {

inline constexpr unsigned kWarp = 32, kMaxThreads = 1024, kMaxWarps = kMaxThreads / kWarp;

enum class State : u8 { ready, at_barrier, in_warp_operation, exited };
enum class WarpOperation : u8 { sync, shuffle, ballot, match };

// One CUDA thread.
struct Fiber {
  State state = State::ready;
  unsigned index = 0;  // linear, in the block
  uint3 thread{};
  CallSite site;  // where it waits
  // The operands of the warp operation it waits in.
  WarpOperation operation{};
  unsigned mask = 0;
  unsigned source = 0;  // lane that a shuffle reads
  u64 value = 0, result = 0;
  bool bad_source = false;
  // The suspended context.
  char* stack = nullptr;  // null before it first runs and after it exits
  void* stack_pointer = nullptr;
  void* tsan = nullptr;
  void* asan_fake_stack = nullptr;

  unsigned warp() const { return index / kWarp; }
  unsigned lane() const { return index % kWarp; }
};

// Note [Sync variables]
// ThreadSanitizer learns the order that a barrier creates from release() before it and acquire()
// after it, on a byte of the emulator. Two successive barriers need two bytes; otherwise a thread
// that is already at the second would order one that is still leaving the first. Two neighbouring
// blocks need separate bytes too; otherwise the barriers of one block would order the threads of
// the other and hide races between blocks.
struct SyncVariables {
  char block_barrier[2][2]{};            // [parity of the block][parity of the barrier]
  char warp_barrier[2][kMaxWarps][2]{};  // the same per warp
  char fence = 0;
  char grid_begins = 0, grid_ends = 0;
};

// The running kernel and its launch parameters.
struct Launch {
  std::string_view name;  // of the kernel; empty: no kernel runs
  const std::function<void()>* kernel = nullptr;
  std::size_t dynamic_bytes = 0;
  u64 random = 1;  // for the order of blocks and threads
};

// A ring: threads [begin, end) are ready.
struct ReadyThreads {
  std::array<unsigned, kMaxThreads> index{};
  unsigned begin = 0, end = 0;
};

// The block's barrier, with the votes of the threads that have arrived and the results of the last
// vote.
struct Barrier {
  unsigned arrived = 0, passed = 0;
  int votes = 0, results[3]{};
};

// For each warp: the lanes that have not exited, the lanes in a warp operation, and the number of
// barriers passed.
struct Warps {
  std::array<unsigned, kMaxWarps> live{}, waiting{}, barriers_passed{};
};

// The first fault of a launch. Code that runs after it is abandoned.
struct FirstFault {
  bool happened = false;
  Fault kind{};
  std::string text;
};

struct Machine {
  Options options;
  Statistics statistics;
  Launch launch;

  // The block.
  std::array<Fiber, kMaxThreads> fibers;
  unsigned threads = 0, exited = 0;
  Fiber* running = nullptr;
  ReadyThreads ready;
  unsigned parity = 0;  // of the block

  // Barriers and warp operations in progress.
  Barrier barrier;
  Warps warps;
  SyncVariables sync;
  unsigned long atomics_in_a_row = 0;

  FirstFault fault;
};
extern Machine machine;

// ---- fibers.cpp ----
void resume(Fiber& fiber);  // runs it until it waits or exits
void leave();               // from a fiber back to the scheduler
// Discards a suspended fiber. Its destructors never run.
void abandon(Fiber& fiber);
// Called at the start of a grid.
void prepare_host();
// ThreadSanitizer must not take the emulator's allocations for accesses by a CUDA thread.
class AsHost {
 public:
  AsHost();
  ~AsHost();
  AsHost(const AsHost&) = delete;
  AsHost& operator=(const AsHost&) = delete;
};

// ---- scheduler.cpp ----
void make_ready(Fiber& fiber);
u64 next_random();
void report(Fault fault, std::string text);  // keeps the first

// ---- collectives.cpp ----
void begin_block_collectives();
void thread_exited(Fiber& fiber);  // may complete the operation of waiting threads
// Called when no thread is ready. Lets the threads at a barrier pass, or returns false.
bool try_release_barrier();
const char* name_of(WarpOperation operation);

// ---- shared_memory.cpp ----
void begin_block_memory();
void check_block_memory();  // reports a write behind a variable
void end_block_memory();
void end_grid_memory();

// ---- diagnostics.cpp ----
std::string text_of(uint3 v);
std::string kernel_and_block();
std::string who_waits_where();

}  // namespace weft::simt
