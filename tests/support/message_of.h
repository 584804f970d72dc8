// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "weft/core/error.h"

namespace weft::test_support {

// Returns the message of the error that `call` throws, which must be of type E; "no error" if it
// throws none.
template <class E = UserError, class F>
std::string message_of(const F& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace weft::test_support
