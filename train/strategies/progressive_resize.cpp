// SPDX-License-Identifier: Apache-2.0
#include "weft/core/log.h"
#include "weft/tensor/ops.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

class ProgressiveResize final : public Strategy {
 public:
  explicit ProgressiveResize(const ProgressiveResizeOptions& options) : options_(options) {}

  void state(State& s) override {
    s.within("stage", stage_, 0, static_cast<double>(options_.stages.size() - 1));
  }
  void on_train_begin(Trainer& trainer) override { follow(trainer, true); }
  void on_epoch_begin(Trainer& trainer, i64) override { follow(trainer, false); }
  void on_step_begin(Trainer& trainer, i64) override { follow(trainer, false); }

 private:
  void follow(Trainer& trainer, bool first) {
    const i64 before = stage_;
    while (stage_ + 1 < static_cast<i64>(options_.stages.size()) &&
           trainer.reached(options_.stages[static_cast<std::size_t>(stage_) + 1].at))
      ++stage_;
    if (!first && stage_ == before) return;
    const i64 shrink = options_.stages[static_cast<std::size_t>(stage_)].shrink;
    log_info("progressive_resize: images by 1/{}", shrink);
    if (shrink == 1) return trainer.set_input_transform({});
    trainer.set_input_transform([shrink](const Tensor& x) {
      WEFT_CHECK(
          x.rank() == 4 && x.size(1) % shrink == 0 && x.size(2) % shrink == 0,
          "progressive_resize: a batch is {} and shrink is {}; images whose height and width "
          "it divides are required",
          x.shape(), shrink);
      return avg_pool2d(x, {.kernel = shrink});
    });
  }

  ProgressiveResizeOptions options_;
  i64 stage_ = 0;
};

const bool registered =
    Registry<Strategy>::add<ProgressiveResize, ProgressiveResizeOptions>("progressive_resize");

bool in_order(const std::vector<ResizeStage>& stages) {
  for (std::size_t i = 1; i < stages.size(); ++i) {
    const Duration &a = stages[i - 1].at, &b = stages[i].at;
    if ((a.is_zero() || a.in_epochs() == b.in_epochs()) && a.amount() >= b.amount()) return false;
  }
  return true;
}

}  // namespace

void describe(Fields& f, ResizeStage& o) {
  f("at", o.at, "when: 3ep is when three epochs are done", required());
  f("shrink", o.shrink, "height and width of training images are divided by this", at_least(1));
}

void describe(Fields& f, ProgressiveResizeOptions& o) {
  f("stages", o.stages, "which size when", required());
  f.rule(!o.stages.empty() && o.stages.front().at.is_zero(), "stages", "a first stage at 0ep");
  f.rule(in_order(o.stages), "stages", "stages in the order of their times");
}

StrategyRecipe progressive_resize(const ProgressiveResizeOptions& options) {
  return StrategyRecipe::of("progressive_resize", options);
}

}  // namespace weft::train
