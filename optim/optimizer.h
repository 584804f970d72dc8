// SPDX-License-Identifier: Apache-2.0
// Optimizer: the base class of SGD, Adam and AdamW. It owns the step, the learning rates and the
// state of each parameter.
//
//   optim::SGD opt{model.named_parameters(), {.lr = 0.1, .momentum = 0.9}};
//   opt.zero_grad();
//   loss.backward();
//   opt.step();
//
// One fused kernel updates all parameters (Note [One kernel for all parameters], in
// kernels/optim/parameter_table.h). A parameter is skipped if it requires no gradient or has got
// none since zero_grad(). An optimizer is not thread-safe, and a parameter has at most one
// optimizer at a time.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "weft/core/registry.h"
#include "weft/device/readback.h"
#include "weft/nn/flat_parameters.h"
#include "weft/optim/device_step.h"
#include "weft/optim/optimizer_state.h"
#include "weft/optim/parameter_groups.h"
#include "weft/optim/segment_table.h"
#include "weft/optim/shard.h"

namespace weft::optim {

// What is required of clip_norm and clip_value, for messages.
inline constexpr const char* kLimitRequired = "0, or a number from 1.1754944e-38 to 3.402823e+38";

struct UpdateOptions {
  double clip_norm = 0;   // maximum global gradient norm; 0 for no limit
  double clip_value = 0;  // maximum absolute value of each element of a gradient; 0 for no limit
  double grad_scale = 1;  // multiplies gradients first: 1 / loss scale
  bool skip_non_finite = false;  // always checked if something clips

  GradientLimits limits() const { return {clip_norm, clip_value, skip_non_finite}; }
};

struct StepOutcome {
  bool applied = true;   // false: the gradients were not finite and nothing was changed
  double grad_norm = 0;  // before clipping; 0 unless it was measured
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void zero_grad() { flat_.zero_grad(); }
  // Makes one step, for hand-written loops. The host waits for a GPU if the step clips or may be
  // skipped. Throws UserError for options that f32 does not hold or that are below 0, for a
  // parameter whose requires_grad was set after the last rebuild(), and for one that was converted,
  // moved, replaced or given to another optimizer.
  StepOutcome step(const UpdateOptions& options = {});
  // The step for train/step, which the host does not wait for.
  DeviceStep& device_step() { return device_step_; }
  // A count that increases when the scalars or the tables of the host change other than by
  // DeviceStep::record().
  u64 state_version() const { return state_version_; }
  // The Euclidean norm of each gradient in its present state (scaled, not clipped), in the order of
  // parameters().segments(); 0 for a parameter without a gradient. The host waits once for a GPU.
  std::vector<double> gradient_norms();
  // The number of steps that changed the parameters, which is the argument of schedules.
  i64 applied_steps() const { return control_.applied; }

  double lr() const { return control_.lr; }
  // Throws UserError unless the rate is 0 or above and not above what f32 holds.
  void set_lr(double lr);
  // The learning rate of the options, which the factors of a schedule multiply.
  double base_lr() const { return base_lr_; }
  // Sets SGD's momentum or Adam's beta1. Throws UserError unless it is from 0 to below 1, and for
  // an SGD that was built without momentum.
  virtual void set_momentum(double momentum);
  double momentum() const { return control_.momentum; }

  // Sets the learning rates and weight decays of parameter groups, from the next step on. Throws
  // UserError for a glob that matches nothing.
  void set_param_groups(std::vector<ParamGroup> groups);
  const std::vector<ParamGroup>& param_groups() const { return groups_; }
  // Sets one learning-rate factor for each of parameters().segments(), which multiplies the factor
  // of its group. All are 1 at first. Strategies use these factors, and the config uses groups.
  void set_lr_factors(std::vector<double> factors);

  nn::FlatParameters& parameters() { return flat_; }
  // For several ranks: cuts the gradients into buckets of about this size (FlatParameters), which
  // become absent. With a shard, which must outlive the optimizer's use, this rank keeps one part
  // of the state and updates that part of the parameters (Note [Sharding]); all ranks then call
  // this, state(), rebuild() and gradient_norms() together.
  void set_buckets(i64 bytes, Shard* shard = nullptr);
  // Gives each rank the parameters that the others have updated. Overwrites the gradients.
  void gather_parameters();

  // Must be called when requires_grad of a parameter has changed. The state is kept by name, and
  // gradients become absent.
  RebuildReport rebuild();
  // The names of the state tensors that each parameter has: momentum for SGD; mean and mean_square
  // for Adam.
  const std::vector<std::string>& slot_names() const { return slot_names_; }
  // The state by parameter name. The tensors of trained parameters are views, which change with the
  // next step.
  OptimizerState state() const;
  // Loads the state. The state of parameters that are not trained is stashed, and a trained
  // parameter without state starts at zero. Throws UserError for other shapes or another number of
  // slots, and then changes nothing.
  void load_state(const OptimizerState& state);

 protected:
  struct Rates {
    double lr = 0, momentum = 0, weight_decay = 0;
  };
  // Throws UserError for more slots than SegmentTable::kMostSlots.
  Optimizer(const nn::NamedParameters& parameters, const Rates& rates,
            std::vector<std::string> slot_names, std::vector<ParamGroup> groups);

 private:
  friend class DeviceStep;
  // Runs one fused kernel over all parameters. Table and control lie on the device of the
  // parameters. With control->skip it changes nothing. Otherwise it updates each active segment,
  // whose gradients it multiplies by control->grad_scale, and adds 1 to the segment's `steps`.
  // kernels/optim/element_update.h does all that for a formula of one element; the slots of the
  // constructor are `first`, `second` and `third` of a segment, in order, and begin as 0.
  virtual void update(const AnyTable& table, const kernels::StepControl* control) = 0;

  void update_rates();
  void build_table();
  void check_state(const OptimizerState& state) const;
  // A slot of all parameters, in the layout of the gradients.
  Tensor whole_of(const Tensor& slot) const;

  std::vector<std::string> slot_names_;
  nn::FlatParameters flat_;
  SegmentTable table_;  // the table of flat_
  // One for each name, with the layout of flat_.gradients(), or its part of this rank.
  std::vector<Tensor> slots_;
  Shard* shard_ = nullptr;
  std::map<std::string, ParameterState> stash_;

  std::vector<ParamGroup> groups_;
  std::vector<double> lr_factors_;
  double base_lr_, weight_decay_;
  kernels::StepControl control_;  // on the host; the copy on the device is in device_step_
  u64 state_version_ = 0;
  DeviceStep device_step_;
  std::unique_ptr<Readback> outcome_;  // for step(); null before the first step that measures
};

}  // namespace weft::optim

namespace weft {
// An optimizer is made for parameters: recipe.make(model.named_parameters()).
template <>
struct RegistryTraits<optim::Optimizer> : RegistryDefaults<optim::Optimizer> {
  static constexpr const char* kind = "optimizer";
  using Context = std::tuple<const nn::NamedParameters&>;
};
}  // namespace weft

namespace weft::optim {
using OptimizerRecipe = Recipe<Optimizer>;

// Registers an optimizer O that is constructed from (parameters, options).
template <class O, class Options>
bool add_optimizer(std::string name) {
  return Registry<Optimizer>::add<Options>(
      std::move(name), [](const Options& options, const nn::NamedParameters& parameters) {
        return std::make_unique<O>(parameters, options);
      });
}

}  // namespace weft::optim
