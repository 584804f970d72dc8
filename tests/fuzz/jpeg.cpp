// SPDX-License-Identifier: Apache-2.0
// Input: a JPEG file.
#include "weft/data/image_file.h"
#include "weft/data/resize.h"
#include "weft/tests/fuzz/fuzz.h"

namespace weft::fuzz {
namespace {

void run_jpeg(std::string_view input) {
  const std::string path = write("picture.jpg", input).string();
  const Tensor colour = data::read_jpeg(path, 3);
  WEFT_ASSERT(colour.rank() == 3 && colour.size(2) == 3, "{}", colour.shape());
  const Tensor small = data::resized(colour, 3, 2, data::ResizeFilter::bicubic);
  WEFT_ASSERT(small.shape() == Shape({3, 2, 3}), "{}", small.shape());
}

const bool registered = add("jpeg", run_jpeg);

}  // namespace
}  // namespace weft::fuzz
