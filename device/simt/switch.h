// SPDX-License-Identifier: Apache-2.0
// Changing stacks. Inside device/simt only.
#pragma once

// Suspends the caller, whose stack pointer goes to *save, and goes on where `load` was suspended.
extern "C" void weft_simt_switch(void** save, void* load);

namespace weft::simt {

// A context that weft_simt_switch can load; `entry` must not return. `stack_top` is 16-byte
// aligned.
void* new_context(char* stack_top, void (*entry)());

}  // namespace weft::simt
