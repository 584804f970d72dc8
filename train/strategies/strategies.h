// SPDX-License-Identifier: Apache-2.0
// The strategies: options with their defaults, and recipes. One .cpp per strategy has its
// description for configs and its registration under the name of the recipe.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/train/strategies/strategy.h"

namespace weft::train {

// From `at` on (3ep: when three epochs are done; 200ba: before step 200), the parameters that
// `train` matches are trained too, and those that `freeze` matches are not.
struct UnfreezeStage {
  Duration at = {};
  std::vector<std::string> train = {};
  std::vector<std::string> freeze = {};
  double lr_factor = 1;              // of every rate, until the next stage
  std::vector<LrFactor> rates = {};  // by parameter, times lr_factor, until the next stage
};
// The layers from the top down, one more every so often, each at lr_decay times the rate of the one
// above it. A layer is a module with a weight of two axes or more; norms belong to the layer before
// them. source: Howard & Ruder 2018, arXiv:1801.06146 §3.2
struct GradualUnfreeze {
  Duration every = "1ep";
  double lr_decay = 1;
};
// Whether batch norms thaw with the other parameters that a stage matches.
enum class ThawBatchNorm { follow, always_frozen };
constexpr EnumNames<2> names_of(ThawBatchNorm) { return {"follow", "always_frozen"}; }

// Everything is frozen but what stages thaw. Either `stages` or `gradual`.
struct StagedUnfreezeOptions {
  ThawBatchNorm batch_norm = ThawBatchNorm::follow;
  std::vector<UnfreezeStage> stages = {};
  std::optional<GradualUnfreeze> gradual = {};
};
void describe(Fields& f, UnfreezeStage& o);
void describe(Fields& f, GradualUnfreeze& o);
void describe(Fields& f, StagedUnfreezeOptions& o);
StrategyRecipe staged_unfreeze(const StagedUnfreezeOptions& options);

// What becomes of the weights and biases of batch norms whose statistics are frozen.
enum class Affine { freeze, train };
constexpr EnumNames<2> names_of(Affine) { return {"freeze", "train"}; }

// Batch norms keep the statistics they came with, from `at` on; their weights and biases too,
// unless `affine: train`.
struct FreezeBatchNormOptions {
  std::vector<std::string> layers = {"*"};  // globs of module paths
  Duration at = {};
  Affine affine = Affine::freeze;
};
void describe(Fields& f, FreezeBatchNormOptions& o);
StrategyRecipe freeze_batch_norm(const FreezeBatchNormOptions& options = {});

// Trains on images made smaller by a whole number first: faster epochs while the network learns
// what is coarse. For models that take images of any size (resnet); evaluation is at full size.
struct ResizeStage {
  Duration at = {};
  i64 shrink = 1;  // height and width are divided by it, by averaging
};
struct ProgressiveResizeOptions {
  std::vector<ResizeStage> stages = {};
};
void describe(Fields& f, ResizeStage& o);
void describe(Fields& f, ProgressiveResizeOptions& o);
StrategyRecipe progressive_resize(const ProgressiveResizeOptions& options);

// Another way to write a list of strategies, which a config of weft 0.1 may have. It cannot be made
// itself.
struct ChainOptions {
  std::vector<StrategyRecipe> strategies = {};
};
void describe(Fields& f, ChainOptions& o);
StrategyRecipe chain(const ChainOptions& options);

// The list with the entries of each chain in its place.
std::vector<StrategyRecipe> unchained(const std::vector<StrategyRecipe>& strategies);

}  // namespace weft::train
