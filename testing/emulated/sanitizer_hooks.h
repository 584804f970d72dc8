// SPDX-License-Identifier: Apache-2.0
// Makes a sanitizer's report name the CUDA thread that was running, and prints a race as one line
// first.
#pragma once

namespace weft::testing {

// Does nothing itself. A reference to it links the functions that the sanitizers call, which must
// be in the program and not in a library.
void link_sanitizer_hooks();

}  // namespace weft::testing
