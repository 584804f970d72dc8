// SPDX-License-Identifier: Apache-2.0
// The style sheets and scripts of this folder (*.css, *.js). cmake/assets.cmake turns them into
// constants of the library, so that the command needs no file beside it.
#pragma once
#include <string_view>

namespace weft::view {

// The text of the file view/NAME: asset("page.css"). Throws InternalError for an unknown name. The
// text lives as long as the program.
std::string_view asset(std::string_view name);

}  // namespace weft::view
