// SPDX-License-Identifier: Apache-2.0
// Switches stacks. Inside device/simt only.
#pragma once

// Suspends the caller, stores its stack pointer in *save, and resumes the context `load`.
extern "C" void weft_simt_switch(void** save, void* load);

namespace weft::simt {

// Returns a context that weft_simt_switch can load. `entry` must not return. `stack_top` is 16-byte
// aligned.
void* new_context(char* stack_top, void (*entry)());

}  // namespace weft::simt
