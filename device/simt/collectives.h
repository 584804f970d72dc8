// SPDX-License-Identifier: Apache-2.0
// What the intrinsics (intrinsics.h) are made of: operations for which a thread waits for others.
#pragma once
#include "weft/core/types.h"
#include "weft/device/call_site.h"

namespace weft::simt {

void barrier(CallSite site);

enum class Vote { count, all, any };
// A barrier that also counts the threads of the block whose `predicate` holds.
int barrier_vote(bool predicate, Vote vote, CallSite site);

enum class Shuffle : u8 { index, up, down, exclusive_or };
// Every lane of `mask` gives `bits` and gets the bits of the lane that `argument` names.
u64 shuffle(Shuffle mode, unsigned mask, u64 bits, int argument, int width, CallSite site);
// The lanes of `mask` whose predicate holds, one bit each.
unsigned ballot(unsigned mask, bool predicate, CallSite site);
// The lanes of `mask` that gave the same bits.
unsigned match(unsigned mask, u64 bits, CallSite site);
void sync_warp(unsigned mask, CallSite site);

void fence(CallSite site);
[[noreturn]] void trap(const char* why, CallSite site);
// Called by every atomic: one thread that does nothing else for very long waits for what cannot
// come.
void note_atomic(CallSite site);

}  // namespace weft::simt
