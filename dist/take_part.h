// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <functional>

#include "weft/dist/store.h"

namespace weft::dist {

// Runs an operation of a communication library, on any thread. The library says only that a
// connection has closed. Whether a rank was lost is known a moment later, from the store, so that
// the error names it (LostRank). If none was, the others are told that this rank ends
// (InternalError). The caller says Store::notice() when the error has reached the thread that ends
// this rank.
void take_part(Store& store, std::chrono::milliseconds silence, const char* operation,
               const std::function<void()>& run);

}  // namespace weft::dist
