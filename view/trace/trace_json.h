// SPDX-License-Identifier: Apache-2.0
// A trace as JSON for the scripts of its page. Numbers are rounded to 6 digits, except those of
// single elements.
#pragma once
#include <string>

#include "weft/train/trace/trace.h"

namespace weft::view {

std::string to_json(const train::Trace& trace);

}  // namespace weft::view
