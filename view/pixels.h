// SPDX-License-Identifier: Apache-2.0
// Pictures inside of a page.
#pragma once
#include <string>

#include "weft/data/pixels.h"

namespace weft::view {

using data::Pixels;

// The mean over squares of the least whole side with which no side is longer than `longest`.
Pixels reduced(const Pixels& pixels, i64 longest);
// For the attribute `src` of an image: "data:image/png;base64,…".
std::string data_uri_of(const Pixels& pixels);

}  // namespace weft::view
