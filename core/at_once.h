// SPDX-License-Identifier: Apache-2.0
// Several threads for work on files, such as hashing. What computes on tensors uses
// device/parallel.h.
#pragma once
#include <cstddef>
#include <functional>

namespace weft {

// Calls work(i) for each i from 0 to count - 1, at most four at once, and returns when all have
// ended. The caller's thread takes part, and does all where the system makes no other. After a call
// has thrown, no thread takes another number. What the lowest i threw is thrown again, whichever
// threw first.
void at_once(std::size_t count, const std::function<void(std::size_t i)>& work);

}  // namespace weft
