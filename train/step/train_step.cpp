// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/train_step.h"

#include <utility>

#include "weft/autograd/tape.h"
#include "weft/tensor/random.h"

namespace weft::train {
namespace {

// During its lifetime, records the first leaf that gets a gradient but belongs to no optimizer.
class StrayLeaf {
 public:
  explicit StrayLeaf(const Optimizers& optimizers) {
    Tape::current().set_on_gradient([this, &optimizers](Leaf& leaf) {
      if (!found_ && !is_known(optimizers, leaf)) found_ = leaf.name;
    });
  }
  ~StrayLeaf() { Tape::current().set_on_gradient({}); }
  StrayLeaf(const StrayLeaf&) = delete;
  StrayLeaf& operator=(const StrayLeaf&) = delete;

  void check() const {
    WEFT_CHECK(
        !found_,
        "Trainer: a trainable leaf {}gets a gradient, but is a parameter of no optimizer and would "
        "never be updated; a parameter that its module names in parts() is required",
        found_->empty() ? "without a name " : fmt::format("'{}' ", *found_));
  }

 private:
  static bool is_known(const Optimizers& optimizers, const Leaf& leaf) {
    for (const ScheduledOptimizer& each : optimizers.all())
      for (const auto& segment : each.optimizer->parameters().segments())
        if (segment.leaf.get() == &leaf) return true;
    return false;
  }
  std::optional<std::string> found_;
};

}  // namespace

TrainStep::TrainStep(nn::Module& model, Optimizers& optimizers, TrainStepOptions options)
    : model_(model),
      optimizers_(optimizers),
      options_(std::move(options)),
      ranks_(options_.ranks.group == nullptr
                 ? nullptr
                 : std::make_unique<RankExchange>(optimizers, options_.ranks)),
      scalars_(optimizers, options_.clip_norm, options_.clip_value, ranks_.get()),
      metrics_({}, ranks_.get()) {}

bool TrainStep::read_from(const data::Loader& loader) {
  bool moved = false;
  if (!input_)
    input_.emplace(loader, options_.normalization, device(),
                   optimizers_.first().parameters().values().dtype());
  else moved = input_->read_from(loader);
  model_.train();
  return moved;
}

Variable TrainStep::loss_of(const data::Batch& batch) {
  auto [x, target] = (*input_)(batch);
  if (input_transform_) {
    WEFT_CHECK(batch.more.empty(),
               "Trainer: a strategy changes x of samples that have more tensors ('{}'), which it "
               "would not change alike; samples of x and target are required",
               batch.more.leaves().front().first);
    x = Variable(input_transform_(x.value()));
  }
  const Autocast autocast(options_.compute_dtype, casts_);
  if (batch.more.empty()) return options_.loss(x, target);
  more_ = input_->more_of(batch);
  Variable loss = options_.loss(x, target);
  more_ = {};  // the loader may reuse its memory
  return loss;
}

// Returns the weight of the micro-batches, 0 after a loss that is not finite.
double TrainStep::run_micro_batches(const PlacedStep& step, StepEvents& events,
                                    double& first_weight) {
  double weight = 0;
  for (i64 i = 0; i < step.count(); ++i) {
    const data::Batch& batch = step.batches[static_cast<std::size_t>(i)];
    std::optional<RankExchange::Pass> pass;
    if (ranks_) pass.emplace(*ranks_, batch.share.is_padding, i + 1 == step.count());
    events.begin(i);
    set_random_numbers(step.random.range(3 * i, {3}));
    metrics_.begin_batch();
    const Variable loss = loss_of(batch);
    metrics_.end_batch(batch);
    scalars_.add_loss(loss, step.weights, i);
    // A GPU goes on, and applies nothing. So does a rank, for which the others wait.
    if (!ranks_ && scalars_.is_halted_here()) return 0;
    const double w = step.host_weights[static_cast<std::size_t>(i)];
    if (w > 0 || ranks_) scalars_.backward(loss, step.weights, i);
    if (w > 0 && weight == 0) first_weight = w;
    weight += w;
    events.end(i);
  }
  return weight;
}

void TrainStep::run(const PlacedStep& step, StepEvents& events) try {
  casts_.clear();  // the weights were written by the last update or an observer
  metrics_.begin_step();
  nn::StatisticsScope statistics(&statistics_);
  std::optional<StrayLeaf> stray;
  const u64 layout = optimizers_.layout_version();
  if (checked_layout_ != layout) stray.emplace(optimizers_);
  if (ranks_) ranks_->begin();
  double first_weight = 0;
  const double weight = run_micro_batches(step, events, first_weight);
  if (stray) {
    stray->check();
    stray.reset();
    checked_layout_ = layout;
  }
  // Whether any rank has a weight is known on the device alone.
  const bool counts = weight > 0 || ranks_;
  if (ranks_) scalars_.exchange(weight > 0);
  const auto scale = [&] {
    return ranks_ ? ranks_->common_weight() / ranks_->weight_of_step() : first_weight / weight;
  };
  if (counts) events.gradients(std::cref(scale));  // a std::function holds a reference inline
  scalars_.update(step.weights, counts);
  if (counts) statistics.commit_if_finite(scalars_.found_inf());
  optimizers_.zero_grad();
  casts_.clear();
} catch (const std::exception& error) {
  if (ranks_) ranks_->fail(error.what());
  throw;
}

bool TrainStep::gives_outputs(const data::Batch& batch) {
  const KeptRandomState random_state;
  const NoGrad no_grad;
  const nn::StatisticsScope dropped;
  bool gives = true;
  metrics_.begin_step();
  metrics_.begin_batch();
  try {
    set_random_step(options_.seed, 0, 0);
    loss_of(batch);
    gives = metrics_.noted();
  } catch (const std::exception&) {
  }
  metrics_.begin_step();
  casts_.clear();
  return gives;
}

void TrainStep::undo() {
  optimizers_.zero_grad();
  casts_.clear();
}

}  // namespace weft::train
