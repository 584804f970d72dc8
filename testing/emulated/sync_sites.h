// SPDX-License-Identifier: Apache-2.0
// Lets environment variables disable barriers in the test binary; sync_sites.cpp lists them.
#pragma once

namespace weft::testing {

// Does nothing itself. A reference to it links the code that reads the environment variables.
void link_sync_sites();

}  // namespace weft::testing
