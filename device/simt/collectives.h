// SPDX-License-Identifier: Apache-2.0
// The operations behind the intrinsics (intrinsics.h) in which a thread waits for others.
#pragma once
#include "weft/core/types.h"
#include "weft/device/call_site.h"

namespace weft::simt {

void barrier(CallSite site);

enum class Vote { count, all, any };
// A barrier that also counts the threads of the block whose `predicate` holds.
int barrier_vote(bool predicate, Vote vote, CallSite site);

enum class Shuffle : u8 { index, up, down, exclusive_or };
// Every lane of `mask` provides `bits` and receives the bits of the lane that `argument` names.
u64 shuffle(Shuffle mode, unsigned mask, u64 bits, int argument, int width, CallSite site);
// Returns the lanes of `mask` whose predicate holds, one bit each.
unsigned ballot(unsigned mask, bool predicate, CallSite site);
// Returns the lanes of `mask` that provided the same bits.
unsigned match(unsigned mask, u64 bits, CallSite site);
void sync_warp(unsigned mask, CallSite site);

void fence(CallSite site);
[[noreturn]] void trap(const char* why, CallSite site);
// Every atomic calls this. A thread that executes nothing but atomics for very long waits for a
// value that cannot arrive, which is reported.
void note_atomic(CallSite site);

}  // namespace weft::simt
