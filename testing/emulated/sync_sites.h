// SPDX-License-Identifier: Apache-2.0
// Mutation of barriers from outside the test binary; see sync_sites.cpp.
#pragma once

namespace weft::testing {

// Does nothing itself. A reference to it links the code that reads the environment variables.
void link_sync_sites();

}  // namespace weft::testing
