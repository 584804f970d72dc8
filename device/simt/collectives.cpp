// SPDX-License-Identifier: Apache-2.0
// Barriers and warp operations. A thread stores its operands and waits; the last thread to arrive
// computes the result for all.
#include "weft/device/simt/collectives.h"

#include <bit>

#include "weft/device/simt/machine.h"

namespace weft::simt {
namespace {

bool has_lane(unsigned lanes, unsigned lane) { return (lanes >> lane & 1u) != 0; }

// ---- mutation, and the list of sites ----

struct Sites {
  std::array<SyncSite, 1024> site;
  unsigned count = 0;
  CallSite last;
} sites;

// Returns false for the site that a mutation test disables.
bool visit(std::string_view operation, const CallSite& place) {
  if (place.line != sites.last.line || place.file != sites.last.file) {
    sites.last = place;
    unsigned i = 0;
    while (i < sites.count && !(sites.site[i].place == place)) ++i;
    if (i == sites.count && i < sites.site.size()) {
      sites.site[i] = {operation, place};
      sites.count = i + 1;
    }
  }
  const CallSite& skip = machine.options.skip;
  return skip.line != place.line || !std::string_view(place.file).ends_with(skip.file);
}

// ---- barriers ----

// Barriers are distinguished by their line, so two on one line look like one.
bool all_at_one_barrier() {
  const Fiber* first = nullptr;
  for (unsigned i = 0; i < machine.threads; ++i) {
    const Fiber& fiber = machine.fibers[i];
    if (fiber.state != State::at_barrier) continue;
    if (first == nullptr) first = &fiber;
    else if (!(fiber.site == first->site)) return false;
  }
  return true;
}

void release_barrier() {
  machine.barrier.results[static_cast<int>(Vote::count)] = machine.barrier.votes;
  machine.barrier.results[static_cast<int>(Vote::all)] =
      machine.barrier.votes == static_cast<int>(machine.barrier.arrived);
  machine.barrier.results[static_cast<int>(Vote::any)] = machine.barrier.votes != 0;
  machine.barrier.votes = 0;
  machine.barrier.arrived = 0;
  ++machine.barrier.passed;
  for (unsigned i = 0; i < machine.threads; ++i)
    if (machine.fibers[i].state == State::at_barrier) make_ready(machine.fibers[i]);
}

// ---- warp operations ----

// The last lane of `mask` has arrived: computes the results of all lanes. `first` is the warp's
// thread 0.
void resolve(Fiber* first, unsigned lanes, WarpOperation operation) {
  for (unsigned l = 0; l < kWarp; ++l) {
    if (!has_lane(lanes, l)) continue;
    Fiber& fiber = first[l];
    if (operation == WarpOperation::shuffle) {
      fiber.bad_source = !has_lane(lanes, fiber.source);
      fiber.result = fiber.bad_source ? ~u64{0} : first[fiber.source].value;
    } else if (operation != WarpOperation::sync) {
      unsigned result = 0;
      for (unsigned k = 0; k < kWarp; ++k)
        if (has_lane(lanes, k) &&
            (operation == WarpOperation::ballot ? first[k].value != 0
                                                : first[k].value == fiber.value))
          result |= 1u << k;
      fiber.result = result;
    }
  }
}

void try_complete(unsigned warp, unsigned mask, WarpOperation operation) {
  Fiber* const first = &machine.fibers[warp * kWarp];
  const unsigned lanes = mask & machine.warps.live[warp];
  if ((machine.warps.waiting[warp] & lanes) != lanes) return;  // some lanes have not arrived
  for (unsigned l = 0; l < kWarp; ++l) {
    if (!has_lane(lanes, l)) continue;
    const Fiber& fiber = first[l];
    if (fiber.mask != mask) return;  // waits with another mask: a deadlock, reported later
    if (fiber.operation != operation)
      return report(Fault::warp_mask, std::string(name_of(fiber.operation)) + " at " +
                                          weft::text_of(fiber.site) + " in " + kernel_and_block() +
                                          ", thread " + text_of(fiber.thread) +
                                          ": another lane of its mask is in " + name_of(operation) +
                                          "; all lanes of a mask must execute the same operation");
  }
  resolve(first, lanes, operation);
  if (operation == WarpOperation::sync) ++machine.warps.barriers_passed[warp];
  machine.warps.waiting[warp] &= ~lanes;
  for (unsigned l = 0; l < kWarp; ++l)
    if (has_lane(lanes, l)) make_ready(first[l]);
}

u64 collective(WarpOperation operation, unsigned mask, const CallSite& site) {
  Fiber& fiber = *machine.running;
  const unsigned warp = fiber.warp();
  fiber.operation = operation;
  fiber.mask = mask;
  fiber.bad_source = false;
  fiber.site = site;
  fiber.state = State::in_warp_operation;
  if (!has_lane(mask, fiber.lane()))
    report(Fault::warp_mask, std::string(name_of(operation)) + " at " + weft::text_of(site) +
                                 ": the calling lane is not in its own mask; " + where());
  const unsigned waiting = machine.warps.waiting[warp] |= 1u << fiber.lane();
  const unsigned lanes = mask & machine.warps.live[warp];
  if ((waiting & lanes) == lanes && !machine.fault.happened) try_complete(warp, mask, operation);
  leave();
  if (fiber.bad_source) {
    report(Fault::inactive_lane, std::string(name_of(operation)) + " at " + weft::text_of(site) +
                                     " reads lane " + std::to_string(fiber.source) +
                                     ", which is outside the mask, has exited or does not exist; " +
                                     where());
    fiber.state = State::in_warp_operation;
    leave();
  }
  return fiber.result;
}

}  // namespace

const char* name_of(WarpOperation operation) {
  switch (operation) {
    case WarpOperation::sync: return "__syncwarp";
    case WarpOperation::shuffle: return "__shfl_*_sync";
    case WarpOperation::ballot: return "__ballot_sync, __any_sync or __all_sync";
    case WarpOperation::match: return "__match_any_sync";
  }
  return "?";
}

std::vector<SyncSite> visited_sync_sites() {
  return {sites.site.begin(), sites.site.begin() + sites.count};
}

void forget_sync_sites() {
  sites.count = 0;
  sites.last = {};
}

void begin_block_collectives() {
  machine.barrier.arrived = 0;
  machine.barrier.votes = 0;
  for (unsigned warp = 0; warp < kMaxWarps; ++warp) {
    const unsigned begin = warp * kWarp;
    machine.warps.waiting[warp] = 0;
    machine.warps.live[warp] = machine.threads >= begin + kWarp ? ~0u
                               : machine.threads > begin ? (1u << (machine.threads - begin)) - 1u
                                                         : 0u;
  }
}

void thread_exited(Fiber& fiber) {
  const unsigned warp = fiber.warp();
  ++machine.exited;
  machine.warps.live[warp] &= ~(1u << fiber.lane());
  const unsigned waiting = machine.warps.waiting[warp];
  if (waiting == 0) return;
  const Fiber& other =
      machine.fibers[warp * kWarp + static_cast<unsigned>(std::countr_zero(waiting))];
  try_complete(warp, other.mask, other.operation);
}

bool try_release_barrier() {
  const bool everyone = machine.barrier.arrived > 0 &&
                        machine.barrier.arrived + machine.exited == machine.threads &&
                        all_at_one_barrier();
  if (!everyone || (machine.exited > 0 && machine.options.strict_exit)) return false;
  release_barrier();
  return true;
}

void barrier(CallSite site) {
  if (!visit("__syncthreads", site)) return;
  char* const sync = &machine.sync.block_barrier[machine.parity][machine.barrier.passed & 1u];
  release(sync);
  machine.running->state = State::at_barrier;
  machine.running->site = site;
  if (++machine.barrier.arrived == machine.threads && all_at_one_barrier()) release_barrier();
  leave();
  acquire(sync);
}

int barrier_vote(bool predicate, Vote vote, CallSite site) {
  machine.barrier.votes += predicate;
  barrier(site);
  return machine.barrier.results[static_cast<int>(vote)];
}

u64 shuffle(Shuffle mode, unsigned mask, u64 bits, int argument, int width, CallSite site) {
  Fiber& fiber = *machine.running;
  if (width <= 0 || width > static_cast<int>(kWarp) ||
      !std::has_single_bit(static_cast<unsigned>(width)))
    trap("a shuffle whose width is not a power of two up to 32", site);
  const int lane = static_cast<int>(fiber.lane()), first = lane & -width, own = lane - first;
  int source = own;  // a lane whose source lies outside its group keeps its own value
  switch (mode) {
    case Shuffle::index: source = argument & (width - 1); break;
    case Shuffle::up: source = own - argument < 0 ? own : own - argument; break;
    case Shuffle::down: source = own + argument >= width ? own : own + argument; break;
    case Shuffle::exclusive_or: source = (own ^ argument) >= width ? own : own ^ argument; break;
  }
  fiber.source = static_cast<unsigned>(first + source);
  fiber.value = bits;
  return collective(WarpOperation::shuffle, mask, site);
}

unsigned ballot(unsigned mask, bool predicate, CallSite site) {
  machine.running->value = predicate;
  return static_cast<unsigned>(collective(WarpOperation::ballot, mask, site));
}

unsigned match(unsigned mask, u64 bits, CallSite site) {
  machine.running->value = bits;
  return static_cast<unsigned>(collective(WarpOperation::match, mask, site));
}

void sync_warp(unsigned mask, CallSite site) {
  if (!visit("__syncwarp", site)) return;
  const unsigned warp = machine.running->warp();
  char* const sync =
      &machine.sync.warp_barrier[machine.parity][warp][machine.warps.barriers_passed[warp] & 1u];
  release(sync);
  collective(WarpOperation::sync, mask, site);
  acquire(sync);
}

// All fences share one variable: a missing fence is found, but a misplaced one may not be.
void fence(CallSite site) {
  if (!visit("__threadfence", site)) return;
  release(&machine.sync.fence);
  acquire(&machine.sync.fence);
}

void trap(const char* why, CallSite site) {
  report(Fault::trap, std::string(why) + " at " + weft::text_of(site) + "; " + where());
  machine.running->state = State::in_warp_operation;
  for (;;) leave();
}

void note_atomic(CallSite site) {
  constexpr unsigned long kLimit = 1ul << 26;  // about a second
  if (++machine.atomics_in_a_row > kLimit && machine.running != nullptr)
    trap("a thread spins on an atomic; no block may wait for another", site);
}

}  // namespace weft::simt
