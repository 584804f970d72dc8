// SPDX-License-Identifier: Apache-2.0
// Digits: generated images of the ten digits. They need no file and no download. There is no limit
// to their number; a new sample is a new way to write the digit.
#pragma once
#include <string>

#include "weft/core/enum_names.h"
#include "weft/data/tensor_dataset.h"

namespace weft::data {

// Strokes: drawn with a pen; outline: the edge of a thick digit.
enum class DigitsStyle { strokes, outline };
constexpr EnumNames<2> names_of(DigitsStyle) { return {"strokes", "outline"}; }

struct DigitsOptions {
  DigitsStyle style = DigitsStyle::strokes;
  std::string split = "train";  // any text; samples of different splits are unrelated
  i64 size = 20000;             // samples; sample i does not depend on it
  // Scales every change of form and the noise. At 0 there are ten different images.
  double difficulty = 1.0;
  u64 seed = 1;
};

// Images (28, 28, 1) in uint8, light on dark. Classes 0 to 9 take turns, so any range of samples is
// balanced. Sample i is a function of (style, split, difficulty, seed, i). The constructor draws
// all samples, in parallel.
class Digits : public TensorDataset {
 public:
  static constexpr int kSide = 28;  // pixels

  // Throws UserError for size < 1 or a difficulty outside [0, 2].
  explicit Digits(const DigitsOptions& options = {});
};

}  // namespace weft::data
