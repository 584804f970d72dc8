// SPDX-License-Identifier: Apache-2.0
// Optimizers: they own the step, the rates and the state of each parameter.
//
//   optim::SGD opt{model.named_parameters(), {.lr = 0.1, .momentum = 0.9}};
//   opt.zero_grad();
//   loss.backward();
//   opt.step();
//
// One fused kernel updates all parameters (Note [One kernel for all parameters], in
// kernels/optim/parameter_table.h). A parameter is skipped where it wants no gradient, or got none since
// zero_grad(). Not thread-safe; one optimizer per parameter at a time.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "weft/core/registry.h"
#include "weft/device/readback.h"
#include "weft/kernels/optim/parameter_table.h"
#include "weft/nn/flat_parameters.h"
#include "weft/optim/parameter_groups.h"

namespace weft::optim {

struct StepSettings {
  double clip_norm = 0;  // longest allowed norm of all gradients together; 0 for no limit
  double clip_value =
      0;  // largest allowed absolute value of each number of a gradient; 0 for no limit
  double grad_scale = 1;         // multiplies gradients before anything else: 1 / loss scale
  bool skip_non_finite = false;  // looked for in any case where something clips
};

struct StepOutcome {
  bool applied = true;   // false: the gradients were not finite and nothing was changed
  double grad_norm = 0;  // before clipping; measured only where something clips
};

// What became of the state of each parameter, by name.
struct RebuildReport {
  std::vector<std::string> kept;
  std::vector<std::string> created;   // trained from now on, state at zero
  std::vector<std::string> parked;    // no longer trained; state put aside
  std::vector<std::string> returned;  // trained again, state from where it was parked
};

// The state of one parameter.
struct ParameterState {
  i64 steps = 0;              // updates it has had
  std::vector<Tensor> slots;  // in the order of slot_names(), shaped like the parameter
};
struct OptimizerState {
  i64 applied_steps = 0;
  std::map<std::string, ParameterState> parameters;  // parked ones too
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void zero_grad() { flat_.zero_grad(); }
  // Throws UserError if requires_grad was set on a parameter after the last rebuild().
  StepOutcome step(const StepSettings& settings = {}) {
    begin_step(settings);
    return finish_step();
  }
  // step() in halves, for whoever has other work for the device before it asks what came of the step: the rates, the
  // state and the layout stay as they are in between. finish_step() waits for the device if outcome_on_device().
  void begin_step(const StepSettings& settings);
  bool outcome_on_device() const { return measures_ && !on_host(); }
  StepOutcome finish_step();
  // The parts of step() for a captured one (train/step/captured_steps.h), whose numbers are on the device: first what
  // the host has changed goes there, which is nothing in a run that is under way; then the work, by the numbers
  // in control(). note_step() tells what came of it.
  void prepare();
  void enqueue(double clip_norm, double clip_value, bool skip_non_finite);
  kernels::StepControl* control() {
    return on_host() ? &control_ : device_.control.data<kernels::StepControl>();
  }
  void note_step(bool applied) { applied_steps_ += applied ? 1 : 0; }
  // Whether the last step was skipped, where the parameters are: for work that goes with the step and does
  // not wait to hear. Null before the first on a GPU.
  const bool* skip_flag() const;
  // The Euclidean norm of each gradient as it lies (scaled, not clipped), in the order of
  // parameters().segments(); 0 for a parameter without. A GPU's host waits for it, once.
  std::vector<double> gradient_norms();
  // Steps that changed the parameters: what schedules count.
  i64 applied_steps() const { return applied_steps_; }

  double lr() const { return control_.lr; }
  void set_lr(double lr) { control_.lr = lr; }
  // The rate in the options, which schedules multiply.
  double base_lr() const { return base_lr_; }
  // SGD's momentum, Adam's beta1. Throws UserError for SGD that was built without.
  virtual void set_momentum(double momentum) { control_.momentum = momentum; }
  double momentum() const { return control_.momentum; }

  // To be called when requires_grad of a parameter has changed: state is kept by name, and gradients
  // become absent.
  RebuildReport rebuild();
  // New rates and decays, from the next step on. Throws UserError for a glob that matches nothing.
  void set_param_groups(std::vector<ParamGroup> groups);
  const std::vector<ParamGroup>& param_groups() const { return groups_; }
  // One factor for each of parameters().segments(), times what the groups say; ones at first. For
  // strategies: groups are the config's.
  void set_lr_factors(std::vector<double> factors);

  nn::FlatParameters& parameters() { return flat_; }

  // One name for each tensor of a parameter's state: momentum; mean, mean_square.
  virtual std::vector<std::string> slot_names() const = 0;
  // The tensors are views: they change with the next step.
  OptimizerState state() const;
  // State of parameters that are not trained is parked; trained ones without state start at zero.
  // Throws UserError for other shapes or another number of slots, and changes nothing then.
  void load_state(const OptimizerState& state);

 protected:
  struct Rates {
    double lr = 0, momentum = 0, weight_decay = 0;
  };
  // `slots`: tensors of state for each parameter, at most 2.
  Optimizer(const nn::NamedParameters& parameters, const Rates& rates, int slots,
            std::vector<ParamGroup> groups);

 private:
  using TableOfFloat = kernels::ParameterTable<float>;
  using TableOfDouble = kernels::ParameterTable<double>;
  // Both lie where the parameters are.
  virtual void update(const TableOfFloat& table, const kernels::StepControl* control) = 0;
  virtual void update(const TableOfDouble& table, const kernels::StepControl* control) = 0;

  template <class T>
  using Segments = std::vector<kernels::Segment<T>>;
  bool on_host() const { return std::holds_alternative<Cpu>(flat_.values().device()); }
  template <class T>
  kernels::ParameterTable<T> table(Segments<T>& segments);
  template <class T>
  void refresh(Segments<T>& segments);
  void send(Tensor& to, const Tensor& from) const;
  void to_device();
  void steps_to_host();
  std::vector<i64> steps() const;
  void lay_out();
  void write_settings();
  Tensor slot_of(std::size_t parameter, int slot) const;
  ParameterState state_of(std::size_t parameter, i64 steps) const;

  nn::FlatParameters flat_;
  std::vector<ParamGroup> groups_;
  std::vector<double> lr_factors_;
  double base_lr_;
  double weight_decay_;
  int slots_;
  i64 applied_steps_ = 0;
  kernels::StepControl control_;
  bool measures_ = false;  // the step at hand: only what was measured can skip it

  // One entry for each parameter of flat_, in its order.
  std::variant<Segments<float>, Segments<double>> segments_;
  std::vector<kernels::Chunk> chunks_;
  // Note [The table on the device]
  // A GPU reads copies of table, chunks and control. The host's table is the master of everything but
  // the counts of steps, which the kernels keep: they are fetched when the host is asked for them or
  // has something to change, and the table is sent again before the next step. In a steady run neither
  // happens; each step sends the control, which nobody waits for, and asks for it back where it measures.
  struct OnDevice {
    Tensor segments, chunks, control;  // bytes
    std::unique_ptr<Readback> control_back;
    bool current = false;  // segments are what the host would send, and newer in steps
  } device_;
  Tensor partials_;            // scratch of norms, one number for each chunk
  std::vector<Tensor> state_;  // one per slot, laid out like flat_.gradients()
  std::map<std::string, ParameterState> parked_;
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
