// SPDX-License-Identifier: Apache-2.0
// How a trained classifier does on each class and on each sample.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weft/view/history.h"
#include "weft/view/pixels.h"

namespace weft::view {

struct ClassFigures {
  i64 samples = 0, predicted = 0, hits = 0;  // with this label, with this prediction, with both
  // NaN where they are not defined: no sample has the prediction, the label, or either.
  double precision() const;
  double recall() const;
  double f1() const;
};
// Of a square table (rows: labels, columns: predictions).
std::vector<ClassFigures> figures_of(const Table& confusion);

struct WorstSample {
  i64 index = 0;  // in its split
  i64 label = 0, prediction = 0;
  double loss = 0;                     // cross-entropy of this sample
  double probability = 0;              // that the model gives to its prediction
  std::optional<Pixels> picture = {};  // for samples that are pictures
};

struct RunEvaluation {
  std::string split = {}, checkpoint = {};
  i64 samples = 0;
  std::map<std::string, double> metrics = {};
  std::vector<std::string> class_names = {};
  Table confusion = {};                 // empty unless the run is a classifier
  std::vector<WorstSample> worst = {};  // largest loss first
  std::string note = {};                // why something of this is missing, as a sentence
};

// Evaluates the best checkpoint of a run on its test split, or on its validation split if it has no
// other, and finds the samples with the `worst` largest losses. Throws UserError when data or
// weights are missing.
RunEvaluation evaluate_run(const std::string& dir, std::size_t worst);

}  // namespace weft::view
