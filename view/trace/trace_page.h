// SPDX-License-Identifier: Apache-2.0
// The page of `weft trace CONFIG --html FILE`: one training step, opened.
#pragma once
#include <string>

#include "weft/train/trace/trace.h"
#include "weft/view/page.h"

namespace weft::view {

// `config` is the name of the config, for the title. Without scripts the page shows to_text().
Page trace_page(const train::Trace& trace, const std::string& config);

}  // namespace weft::view
