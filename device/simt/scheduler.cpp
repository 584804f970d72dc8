// SPDX-License-Identifier: Apache-2.0
// Chooses the thread that runs next, block after block.
#include <algorithm>
#include <mutex>
#include <numeric>

#include "weft/device/simt/machine.h"

namespace weft::simt {

Machine machine;

Options& options() { return machine.options; }
Statistics& statistics() { return machine.statistics; }

u64 next_random() {  // xorshift64*, Vigna 2016
  u64& x = machine.launch.random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  return x * 2685821657736338717u;
}

void report(Fault fault, std::string text) {
  if (machine.fault.happened) return;
  machine.fault.happened = true;
  machine.fault.kind = fault;
  machine.fault.text = std::move(text);
}

void make_ready(Fiber& fiber) {
  fiber.state = State::ready;
  // The list is a ring: each thread is listed at most once. No elements are moved, because
  // ThreadSanitizer intercepts memmove() even here and would take it for an access by the running
  // CUDA thread.
  machine.ready.index[machine.ready.end++ % kMaxThreads] = fiber.index;
}

namespace {

unsigned next_ready() {
  const auto at = [](unsigned i) -> unsigned& { return machine.ready.index[i % kMaxThreads]; };
  if (machine.options.order == Order::reverse) return at(--machine.ready.end);
  if (machine.options.order == Order::random) {
    const u64 left = machine.ready.end - machine.ready.begin;
    const auto chosen = static_cast<unsigned>(next_random() % left);
    std::swap(at(machine.ready.begin), at(machine.ready.begin + chosen));
  }
  return at(machine.ready.begin++);
}

void begin_block() {
  machine.exited = 0;
  machine.ready.begin = machine.ready.end = 0;
  for (unsigned i = 0; i < machine.threads; ++i) {
    Fiber& fiber = machine.fibers[i];
    fiber.index = i;
    fiber.thread = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
    fiber.stack = nullptr;
    make_ready(fiber);
  }
  begin_block_collectives();
  begin_block_memory();
  release(&machine.sync.grid_begins);
}

void run_block() {
  begin_block();
  while (machine.exited < machine.threads && !machine.fault.happened) {
    if (machine.ready.begin != machine.ready.end) resume(machine.fibers[next_ready()]);
    else if (!try_release_barrier()) {
      const bool barrier = machine.barrier.arrived > 0;
      report(barrier ? Fault::barrier_divergence : Fault::deadlock,
             (barrier ? "barrier divergence in " : "deadlock in ") + kernel_and_block() + ":" +
                 who_waits_where());
    }
  }
  if (machine.fault.happened)
    for (unsigned i = 0; i < machine.threads; ++i) abandon(machine.fibers[i]);
  check_block_memory();
  end_block_memory();
  machine.parity ^= 1;
  ++machine.statistics.blocks;
  machine.statistics.threads += machine.threads;
}

// The order of blocks. Above 2^20 blocks, `random` is `forward`, because the difference would not
// be observable.
class BlockOrder {
 public:
  explicit BlockOrder(u64 blocks) : blocks_(blocks) {
    if (machine.options.order != Order::random || blocks > (u64{1} << 20)) return;
    shuffled_.resize(blocks);
    std::iota(shuffled_.begin(), shuffled_.end(), 0u);
    for (u64 i = blocks; i > 1; --i) std::swap(shuffled_[i - 1], shuffled_[next_random() % i]);
  }
  u64 operator[](u64 i) const {
    if (!shuffled_.empty()) return shuffled_[i];
    return machine.options.order == Order::reverse ? blocks_ - 1 - i : i;
  }

 private:
  u64 blocks_;
  std::vector<unsigned> shuffled_;
};

}  // namespace

void check_grid(const Grid& grid, std::string_view name) {
  const u64 threads = u64{grid.block.x} * grid.block.y * grid.block.z;
  const auto refuse = [&](const std::string& what) {
    throw KernelError(Fault::bad_launch, "launch: kernel " + std::string(name) + " with " + what);
  };
  if (threads == 0 || threads > kMaxThreads)
    refuse(std::to_string(threads) + " threads per block; 1 to 1024 are required");
  if (grid.block.z > 64)
    refuse("a block of z size " + std::to_string(grid.block.z) + "; at most 64 is required");
  if (grid.grid.x > 0x7fffffffu || grid.grid.y > 65535 || grid.grid.z > 65535)
    refuse("a grid of " + text_of(uint3{grid.grid.x, grid.grid.y, grid.grid.z}) +
           " blocks; at most (2147483647,65535,65535) are required");
  constexpr std::size_t kMaxShared = std::size_t{227} * 1024;  // of sm_90; sm_80 has 163 KiB
  if (grid.smem > kMaxShared)
    refuse(std::to_string(grid.smem) + " bytes of dynamic shared memory; at most " +
           std::to_string(kMaxShared) + " are required");
}

void run_grid(const Grid& grid, std::string_view name, const std::function<void()>& kernel) {
  // The process has only one set of built-in variables.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  check_grid(grid, name);
  machine.threads = grid.block.x * grid.block.y * grid.block.z;
  machine.launch.kernel = &kernel;
  machine.launch.name = name;
  machine.launch.dynamic_bytes = grid.smem;
  machine.fault.happened = false;
  machine.launch.random = machine.options.seed * 0x9E3779B97F4A7C15u + 0x1234567u;
  gridDim = grid.grid;
  blockDim = grid.block;
  prepare_host();
  release(&machine.sync.grid_begins);
  ++machine.statistics.launches;
  const u64 blocks = u64{grid.grid.x} * grid.grid.y * grid.grid.z;
  const BlockOrder order(blocks);
  for (u64 i = 0; i < blocks && !machine.fault.happened; ++i) {
    const u64 block = order[i];
    blockIdx = {static_cast<unsigned>(block % grid.grid.x),
                static_cast<unsigned>(block / grid.grid.x % grid.grid.y),
                static_cast<unsigned>(block / grid.grid.x / grid.grid.y)};
    run_block();
  }
  acquire(&machine.sync.grid_ends);
  end_grid_memory();
  machine.launch.name = {};
  machine.launch.kernel = nullptr;
  if (machine.fault.happened) throw KernelError(machine.fault.kind, machine.fault.text);
}

}  // namespace weft::simt
