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

// Writes to standard output, which may hold the text back. All text of a command is written by
// these and print_now(): what stdio itself forgets is the reason of a failure, which lost_output()
// says.
void print_text(const std::string& text);
// As printf().
[[gnu::format(printf, 1, 2)]] void print_formatted(const char* format, ...);

// Flushes standard output. Returns why it did not take all that was printed since the program
// began; empty when it did.
std::string lost_output();

}  // namespace weft::app
