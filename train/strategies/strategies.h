// SPDX-License-Identifier: Apache-2.0
// The strategies: options with their defaults, and recipes. One .cpp per strategy has its
// description for configs and its registration under the name of the recipe.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/tensor/state.h"
#include "weft/train/strategies/strategy.h"

namespace weft::train {

// A stage begins at `at` (3ep: after three epochs; 200ba: before step 200). It unfreezes the
// parameters that `train` matches and freezes those that `freeze` matches.
struct UnfreezeStage {
  Duration at = {};
  std::vector<std::string> train = {};
  std::vector<std::string> freeze = {};
  double lr_factor = 1;              // of every learning rate, until the next stage
  std::vector<LrFactor> rates = {};  // by parameter, times lr_factor, until the next stage
};
// Unfreezes layers from the top down, one more at each interval `every`. The learning rate of each
// layer is lr_decay times that of the layer above it. A layer is a module with a weight of at least
// two axes; norms belong to the layer before them. source: Howard & Ruder 2018, arXiv:1801.06146
// §3.2
struct GradualUnfreeze {
  Duration every = "1ep";
  double lr_decay = 1;
};
// Whether batch norms are unfrozen with the other parameters that a stage matches.
enum class UnfreezeBatchNorm { follow, always_frozen };
constexpr EnumNames<2> names_of(UnfreezeBatchNorm) { return {"follow", "always_frozen"}; }

// All parameters are frozen until a stage unfreezes them. Exactly one of `stages` and `gradual` is
// given.
struct StagedUnfreezeOptions {
  UnfreezeBatchNorm batch_norm = UnfreezeBatchNorm::follow;
  std::vector<UnfreezeStage> stages = {};
  std::optional<GradualUnfreeze> gradual = {};
};
void describe(Fields& f, UnfreezeStage& o);
void describe(Fields& f, GradualUnfreeze& o);
void describe(Fields& f, StagedUnfreezeOptions& o);
StrategyRecipe staged_unfreeze(const StagedUnfreezeOptions& options);

// Whether the weights and biases of batch norms with frozen statistics are frozen or trained.
enum class Affine { freeze, train };
constexpr EnumNames<2> names_of(Affine) { return {"freeze", "train"}; }

// Freezes the running statistics of batch norms from `at` on, and their weights and biases too,
// unless `affine: train`.
struct FreezeBatchNormOptions {
  std::vector<std::string> layers = {"*"};  // globs of module paths
  Duration at = {};
  Affine affine = Affine::freeze;
};
void describe(Fields& f, FreezeBatchNormOptions& o);
StrategyRecipe freeze_batch_norm(const FreezeBatchNormOptions& options = {});

// Trains first on images that are reduced by an integer factor. Early epochs are faster, while the
// network learns coarse features. Requires a model that takes images of any size (resnet).
// Evaluation uses the full size.
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

// An older form of a list of strategies, accepted in configs of weft 0.1. It is replaced by its
// entries and never made itself.
struct ChainOptions {
  std::vector<StrategyRecipe> strategies = {};
};
void describe(Fields& f, ChainOptions& o);
StrategyRecipe chain(const ChainOptions& options);

// The list with each chain replaced by its entries.
std::vector<StrategyRecipe> unchained(const std::vector<StrategyRecipe>& strategies);
// The state of strategies, with the state of each chain replaced by that of its entries. In a run
// of 6e903a6, a chain inside a chain has the state {"0.a": …, "1.chain": {"0.b": …, "1.c": …}}. The
// state of a list is {"0.a": …, "1.b": …, "2.c": …}.
StateRecord unchained(const StateRecord& strategies);

}  // namespace weft::train
