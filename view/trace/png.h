// SPDX-License-Identifier: Apache-2.0
// Small pictures as text, for pages that load nothing.
#pragma once
#include <string>

#include "weft/train/trace/statistics.h"

namespace weft::view {

// "data:image/png;base64,…"; empty for a picture without pixels.
std::string data_uri(const train::Picture& picture);

}  // namespace weft::view
