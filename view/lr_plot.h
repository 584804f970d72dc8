// SPDX-License-Identifier: Apache-2.0
// The curve of a learning-rate range test, for a terminal and for a file.
#pragma once
#include <string>
#include <vector>

#include "weft/train/run/lr_find.h"
#include "weft/view/text_plot.h"

namespace weft::view {

// Losses over rates as lines of text, with a vertical line at the suggestion. Size and characters
// are those of `options`; axes and marks are set here. The lowest loss is in the
// picture; losses far above the smoothed curve are cut at the top, where they are marked.
std::vector<std::string> lr_text(const train::LrFinding& finding, TextPlotOptions options);
// The same as an SVG of its own, readable on a light and on a dark page.
std::string lr_svg(const train::LrFinding& finding, const std::string& title);
// The points, the suggestion and how it was chosen as one JSON object, whose "schema" is 1.
std::string lr_json(const train::LrFinding& finding);

}  // namespace weft::view
