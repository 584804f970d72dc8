// SPDX-License-Identifier: Apache-2.0
// Optimizers: they own the step, the learning rates and the state of each parameter.
//
//   optim::SGD opt{model.named_parameters(), {.lr = 0.1, .momentum = 0.9}};
//   opt.zero_grad();
//   loss.backward();
//   opt.step();
//
// One fused kernel updates all parameters (Note [One kernel for all parameters], in
// kernels/optim/parameter_table.h). A parameter is skipped where it wants no gradient, or got none
// since zero_grad(). Not thread-safe; one optimizer per parameter at a time.
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

namespace weft::optim {

struct UpdateOptions {
  double clip_norm = 0;   // maximum global gradient norm; 0 for no limit
  double clip_value = 0;  // maximum absolute value of each element of a gradient; 0 for no limit
  double grad_scale = 1;  // multiplies gradients before anything else: 1 / loss scale
  bool skip_non_finite = false;  // checked in any case where something clips

  GradientLimits limits() const { return {clip_norm, clip_value, skip_non_finite}; }
};

struct StepOutcome {
  bool applied = true;   // false: the gradients were not finite and nothing was changed
  double grad_norm = 0;  // before clipping; measured only where something clips
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void zero_grad() { flat_.zero_grad(); }
  // For hand-written loops. The host waits for a GPU if the step clips or may be skipped.
  // Throws UserError for a parameter whose requires_grad was set after the last rebuild(), and for
  // one that was converted, moved, replaced or given to another optimizer.
  StepOutcome step(const UpdateOptions& options = {});
  // For steps that the host does not wait for (train/step).
  DeviceStep& device_step() { return device_step_; }
  // Changes when the host's scalars or its tables have changed by other means than
  // DeviceStep::record().
  u64 state_version() const { return state_version_; }
  // The Euclidean norm of each gradient as it lies (scaled, not clipped), in the order of
  // parameters().segments(); 0 for a parameter without. A GPU's host waits for it, once.
  std::vector<double> gradient_norms();
  // Steps that changed the parameters: what schedules count.
  i64 applied_steps() const { return numbers_.applied; }

  double lr() const { return numbers_.lr; }
  void set_lr(double lr);
  // The learning rate in the options, which schedules multiply.
  double base_lr() const { return base_lr_; }
  // SGD's momentum, Adam's beta1. Throws UserError for SGD that was built without.
  virtual void set_momentum(double momentum);
  double momentum() const { return numbers_.momentum; }

  // Learning rates and decays of the groups, from the next step on. Throws UserError for a glob
  // that matches nothing.
  void set_param_groups(std::vector<ParamGroup> groups);
  const std::vector<ParamGroup>& param_groups() const { return groups_; }
  // One factor for each of parameters().segments(), times what the groups say; ones at first. For
  // strategies: groups are the config's.
  void set_lr_factors(std::vector<double> factors);

  nn::FlatParameters& parameters() { return flat_; }

  // To be called when requires_grad of a parameter has changed: state is kept by name, and
  // gradients become absent.
  RebuildReport rebuild();
  // One name for each tensor of a parameter's state: momentum; mean, mean_square.
  const std::vector<std::string>& slot_names() const { return slot_names_; }
  // The tensors are views: they change with the next step.
  OptimizerState state() const;
  // State of parameters that are not trained is stashed; trained ones without state start at zero.
  // Throws UserError for other shapes or another number of slots, and changes nothing then.
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
  // One fused kernel over all parameters. Table and control lie where the parameters are.
  virtual void update(const AnyTable& table, const kernels::StepControl* control) = 0;

  void update_rates();
  void build_table();
  void check_state(const OptimizerState& state) const;
  static Tensor place_in(const Tensor& slot, const nn::FlatParameters::Segment& parameter);

  std::vector<std::string> slot_names_;
  nn::FlatParameters flat_;
  SegmentTable table_;         // of flat_
  std::vector<Tensor> slots_;  // one for each name, laid out like flat_.gradients()
  std::map<std::string, ParameterState> stash_;

  std::vector<ParamGroup> groups_;
  std::vector<double> lr_factors_;
  double base_lr_, weight_decay_;
  kernels::StepControl numbers_;  // the host's; the device's are in device_step_
  u64 state_version_ = 0;
  DeviceStep device_step_;
  std::unique_ptr<Readback> outcome_;  // of step(); null before the first that measures
};

}  // namespace weft::optim

namespace weft {
// recipe.make(model.named_parameters())
template <>
struct RegistryTraits<optim::Optimizer> : RegistryDefaults<optim::Optimizer> {
  static constexpr const char* kind = "optimizer";
  using Context = std::tuple<const nn::NamedParameters&>;
};
}  // namespace weft

namespace weft::optim {
using OptimizerRecipe = Recipe<Optimizer>;

// For the .cpp of an optimizer O, constructed from (parameters, options).
template <class O, class Options>
bool add_optimizer(std::string name) {
  return Registry<Optimizer>::add<Options>(
      std::move(name), [](const Options& options, const nn::NamedParameters& parameters) {
        return std::make_unique<O>(parameters, options);
      });
}

}  // namespace weft::optim
