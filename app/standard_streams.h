// SPDX-License-Identifier: Apache-2.0
// Descriptors 0 to 2, and text that standard output did not take.
#pragma once
#include <string>

namespace weft::app {

// Opens those of the descriptors 0 to 2 that are closed, so that no file or pipe of the program
// gets their number. Reading from them and writing to them stays an error.
void reserve_standard_descriptors();

// Writes the text to standard output at once. Returns 0, or the errno of the failure.
int print_now(const std::string& text);

// Flushes standard output. Returns why it did not take all that was printed since the program
// began; empty when it did.
std::string lost_output();

}  // namespace weft::app
