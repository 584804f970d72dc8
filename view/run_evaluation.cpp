// SPDX-License-Identifier: Apache-2.0
#include "weft/view/run_evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/data/dataset.h"
#include "weft/tensor/ops.h"
#include "weft/train/run/saved_run.h"

namespace weft::view {
namespace {

constexpr i64 kLongestSide = 64;  // of a picture in a page
constexpr i64 kMostClassesShown = 1000;

double ratio(i64 part, i64 whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                   : std::numeric_limits<double>::quiet_NaN();
}

struct Split {
  train::Evaluation result;
  Tensor outputs;
  std::shared_ptr<const data::Dataset> samples;
};

std::optional<Pixels> picture_of(const data::Dataset& dataset, i64 index) {
  const data::DatasetInfo& info = dataset.info();
  if (info.sample_dtype != DType::uint8 || info.sample.rank() != 3) return std::nullopt;
  Pixels pixels{info.sample[0], info.sample[1], info.sample[2]};
  if (pixels.channels != 1 && pixels.channels != 3) return std::nullopt;
  pixels.bytes.resize(static_cast<std::size_t>(info.sample_bytes()));
  std::vector<i64> target(static_cast<std::size_t>(info.target_bytes() + 7) / 8);
  dataset.read(index, pixels.bytes.data(), target.data());
  return reduced(pixels, kLongestSide);
}

// Why samples and classes cannot be shown; empty if they can be.
std::string obstacle(const Split& split) {
  const data::DatasetInfo& info = split.samples->info();
  if (!info.has_labels() || info.target.rank() != 0 || split.outputs.rank() != 2 ||
      split.outputs.size(1) != info.classes)
    return "The confusion matrix and the worst samples are shown for classification with one label "
           "for each sample.";
  if (info.classes > kMostClassesShown)
    return fmt::format("The data have {} classes; the confusion matrix is shown for at most {}.",
                       info.classes, kMostClassesShown);
  if (split.outputs.size(0) != split.samples->size())
    return "Some samples could not be read, so those with the largest loss are not known.";
  return "";
}

// Fills `confusion` and `worst`, the latter without pictures.
void look_at_samples(const Split& split, std::optional<i64> ignored, std::size_t worst,
                     RunEvaluation& into) {
  const i64 classes = split.outputs.size(1);
  const std::vector<float> logits = split.outputs.to(DType::f32).to_vector<float>();
  into.confusion.assign(static_cast<std::size_t>(classes),
                        std::vector<i64>(static_cast<std::size_t>(classes)));
  std::vector<WorstSample> all;
  for (i64 i = 0; i < split.samples->size(); ++i) {
    WorstSample sample{i};
    split.samples->read_target(i, &sample.label);
    if (sample.label == ignored || sample.label < 0 || sample.label >= classes) continue;
    const float* of = logits.data() + i * classes;
    const float* largest = std::max_element(of, of + classes);
    double sum = 0;
    for (const float* each = of; each < of + classes; ++each)
      sum += std::exp(double{*each} - *largest);
    sample.prediction = largest - of;
    sample.probability = 1 / sum;
    sample.loss = std::log(sum) + *largest - of[sample.label];
    ++into.confusion[static_cast<std::size_t>(sample.label)]
                    [static_cast<std::size_t>(sample.prediction)];
    all.push_back(std::move(sample));
  }
  // A loss that is not finite is the worst.
  const auto is_worse = [](const WorstSample& a, const WorstSample& b) {
    const auto rank = [](double loss) { return std::isnan(loss) ? HUGE_VAL : loss; };
    return rank(a.loss) != rank(b.loss) ? rank(a.loss) > rank(b.loss) : a.index < b.index;
  };
  const std::size_t kept = std::min(worst, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    is_worse);
  all.resize(kept);
  into.worst = std::move(all);
}

// The test split, or that of validation if there is no other.
Split evaluate_a_split(train::SavedRun& saved, RunEvaluation& into) {
  Split split;
  try {
    into.split = "test";
    split.result = saved.evaluate(into.split, &split.outputs, &split.samples);
  } catch (const UserError&) {
    if (saved.config().data.common.validation_split <= 0) throw;
    into.split = "validation";
    split.result = saved.evaluate(into.split, &split.outputs, &split.samples);
  }
  return split;
}

}  // namespace

double ClassFigures::precision() const { return ratio(hits, predicted); }
double ClassFigures::recall() const { return ratio(hits, samples); }
double ClassFigures::f1() const { return ratio(2 * hits, samples + predicted); }

std::vector<ClassFigures> figures_of(const Table& confusion) {
  std::vector<ClassFigures> figures(confusion.size());
  for (std::size_t label = 0; label < confusion.size(); ++label)
    for (std::size_t prediction = 0; prediction < confusion.size(); ++prediction) {
      const i64 count = confusion[label][prediction];
      figures[label].samples += count;
      figures[prediction].predicted += count;
      if (label == prediction) figures[label].hits += count;
    }
  return figures;
}

RunEvaluation evaluate_run(const std::string& dir, std::size_t worst) {
  train::SavedRun saved(dir, "best");
  RunEvaluation evaluation;
  evaluation.checkpoint =
      std::filesystem::path(saved.weights_file()).parent_path().filename().string();
  const std::string& loss = saved.config().objective.loss.name();
  if (loss != "classification") {
    evaluation.note = fmt::format(
        "The confusion matrix and the worst samples are shown for classification; the loss of this "
        "run is {}.",
        loss);
    return evaluation;
  }
  const Split split = evaluate_a_split(saved, evaluation);
  evaluation.samples = split.result.samples;
  evaluation.metrics = split.result.metrics;
  evaluation.class_names = split.samples->info().class_names;
  evaluation.note = obstacle(split);
  if (!evaluation.note.empty()) return evaluation;
  look_at_samples(split, saved.config().objective.loss.make()->ignore_index(), worst, evaluation);
  for (WorstSample& sample : evaluation.worst)
    sample.picture = picture_of(*split.samples, sample.index);
  return evaluation;
}

}  // namespace weft::view
