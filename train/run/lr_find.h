// SPDX-License-Identifier: Apache-2.0
// The learning-rate range test, for `weft lr-find`: a short training in which the learning rate
// grows from a small to a large one, step by step, and the loss of each step is noted.
//
// Note [The range test]
// The rate of step i is from·(to/from)^(i/(steps − 1)). It multiplies the rates of all parameter
// groups and all optimizers, whose ratios stay as they are. No optimizer has a schedule, also none
// that a trainer has added itself. source: Smith 2017, Cyclical Learning Rates for Training Neural
// Networks, arXiv:1506.01186 §3.3 (who raises the rate linearly); the geometric growth and the end
// at four times the lowest loss are those of Gugger 2018, How Do You Find A Good Learning Rate.
//
// The sweep ends early when the loss has diverged: when its exponential average (of the factor 0.9,
// divided by 1 − 0.9^i as in Adam) is above four times the lowest average (of five losses or more);
// when, of a fall by at least a quarter of the first average (of ten losses), nine tenths are lost;
// when three of the first ten losses in a row are above ten times the first, which no rate of the
// sweep has touched; when the loss is not finite; or when no gradient was finite in many steps in a
// row.
//
// The losses are smoothed by a local straight line over the logarithm of the rate, with tricube
// weights: the line through each point gives the smoothed loss and its slope. An average over past
// steps would show the descent at a rate above its own. source: Cleveland 1979, Robust Locally
// Weighted Regression, JASA 74(368), §2 (without the robustness iterations). In a sweep that
// diverged, losses far above the first ones count as a ceiling (LossWatch::ceiling), because the
// lines before a spike would follow it.
//
// The suggestion is the rate of the steepest descent of the smoothed loss, but at most a tenth of
// the rate at which the loss diverged. It lies within the rates of the sweep. There is none where
// the smoothed loss at that rate is above the loss of the first steps.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weft/train/run/orchestrator.h"

namespace weft::train {

struct LrFindOptions {
  double from = 1e-7, to = 10;
  i64 steps = 200;
};
void describe(Fields& f, LrFindOptions& o);

// A step of the sweep. The loss is that of the step's batches, before its update.
struct LrPoint {
  double lr = 0, loss = 0;
  double smoothed = 0;
};

struct LrFinding {
  std::vector<LrPoint> points = {};  // with rising lr
  i64 skipped = 0;                   // steps without finite gradients, which were made again
  std::string ended = {};            // why the sweep ended before its last step; empty: it did not
  std::optional<double> steepest = {};  // rate of the steepest descent; none: the loss never fell
  std::optional<double> diverged_at = {};  // none: it did not diverge
  std::optional<double> suggestion = {};
  std::string reason = {};  // how the suggestion was chosen, or why there is none
};

// Sweeps the learning rate on copies of the run's model, trainer and strategies, from the run's
// present weights, a new optimizer state and the first batch on. Strategies are asked what trains
// at the beginning of a run, and not what trains later. The run keeps its weights, optimizer state,
// position in the data and random numbers, also after an error. Needs the memory of a second model.
// A loss that is not finite ends the sweep. Throws UserError for options out of range, an optimizer
// whose learning rate is 0, a stream (its records come once), several ranks, and a run that is to
// be resumed but has not begun.
// `on_point` is called after each step that was applied, with its loss; its smoothed loss is not
// known yet.
LrFinding find_lr(Orchestrator& run, const LrFindOptions& options = {},
                  const std::function<void(const LrPoint&)>& on_point = {});

// Fills in all but points, skipped and ended: `points` has the rates and losses.
LrFinding suggest_lr(std::vector<LrPoint> points);

}  // namespace weft::train
