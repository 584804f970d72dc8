// SPDX-License-Identifier: Apache-2.0
// Module: a part of a network, and a value: movable, copyable (a copy has parameters of its own).
//
//   struct Net : nn::Module {
//     nn::Linear fc1{784, 128}, fc2{128, 10};
//     void parts(nn::Parts& p) override { p("fc1", fc1); p("fc2", fc2); }
//     Variable forward(const Variable& x) override { return fc2(relu(fc1(x))); }
//   };
//
// parts() names the children once; everything else (names, parameters, modes, devices, files, the
// summary) follows from it. Names are PyTorch's: "fc1.weight".
//
// Call a module as model(x), not model.forward(x): a UserError from inside then says which layer it
// comes from ("layer classifier.1: linear: x is …").
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weft/kernels/library/matmul.h"
#include "weft/nn/parameter.h"

namespace weft::nn {

class Module;

struct NamedModule {
  std::string path;
  Module* module;
};

// What parts() reports to.
class Parts {
 public:
  virtual ~Parts() = default;
  Parts& operator()(std::string_view name, Module& child) { return visit(name, child), *this; }
  // Absent parameters and buffers are skipped.
  Parts& operator()(std::string_view name, Parameter& parameter);
  Parts& operator()(std::string_view name, Buffer& buffer);
  // Children named "0", "1", … below `name`, or directly when it is empty.
  template <class M>
  Parts& operator()(std::string_view name, std::vector<M>& children);

 protected:
  virtual void visit(std::string_view name, Module& child) = 0;
  virtual void visit(std::string_view name, Parameter& parameter) = 0;
  virtual void visit(std::string_view name, Buffer& buffer) = 0;
};

class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = default;
  Module(Module&&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;

  // Each name may be used once: UserError otherwise.
  virtual void parts(Parts&) {}
  // A module with several inputs or outputs has a forward() of its own instead, with an operator()
  // that calls it through run(); this one then throws UserError.
  virtual Variable forward(const Variable& x);
  // For summaries: "Linear(784, 512)".
  virtual std::string label() const { return "Module"; }

  Variable operator()(const Variable& x);

  // Training or evaluation mode, of this module and all below it. New modules are in training mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  // In the order of parts(), depth first; a tied parameter appears under its first name only, or
  // under all of its names.
  NamedParameters named_parameters(bool all_names = false);
  std::vector<NamedBuffer> named_buffers();
  i64 parameter_count();
  // This module and all below it, with their paths, in the order of parts().
  std::vector<NamedModule> named_modules();
  // Converts parameters and floating buffers to a dtype, or moves parameters and all buffers to a
  // device. A parameter that already has the dtype or is on the device stays as it is, with its
  // gradient. The gradient of another one is dropped, and optimizers must be built afterwards.
  void to(DType dtype);
  void to(const Device& device);

  // --- fusion, used by Sequential ----------------------------------------------------------------
  // The activation this module is, when it is nothing else.
  virtual kernels::Activation activation() const { return kernels::Activation::none; }
  // Whether forward_fused() takes this activation.
  virtual bool fuses(kernels::Activation) const { return false; }
  // activation(forward(x)) in one op; fused() calls it as operator() calls forward().
  virtual Variable forward_fused(const Variable& x, kernels::Activation activation);
  Variable fused(const Variable& x, kernels::Activation activation);

  // A table with a line per module: path, label, the shape of its output, parameters. `sample` is
  // the shape of the input, without the batch: (28, 28, 1). The shape of an output has no batch
  // axis either; that of an output without one is whole. Runs the model on one sample and on two
  // (nn/dry_run.h).
  std::string summary(const Shape& sample);
  std::string summary(const Shape& sample, DType dtype);

  // The path under the root that named it last ("features.0"), for traces.
  const std::string& path() const { return path_; }
  // Names this module and all below it.
  void name_paths(const std::string& root = "");

 protected:
  // For further ways to call a module: forward_it(), with what operator() does around forward():
  //   Variable operator()(const Variable& a, const Variable& b) {
  //     return run([&] { return forward(a, b); });
  //   }
  template <class F>
  Variable run(const F& forward_it) {
    return run([](const void* f) { return (*static_cast<const F*>(f))(); }, &forward_it);
  }

 private:
  friend class EvalMode;
  Variable run(Variable (*call)(const void*), const void* function);
  bool training_ = true;
  std::string path_;
};

// Sees the output of every module on this thread, after it was computed. This includes an
// activation that the layer before it computes.
class OutputObserver {
 public:
  virtual ~OutputObserver() = default;
  virtual void on_output(const Module& module, const Variable& output) = 0;
};
// Sets this thread's observer (null for none) and returns the one before.
OutputObserver* set_output_observer(OutputObserver* observer);
OutputObserver* output_observer();

// Puts a module in evaluation mode, and every part of it back in its own mode afterwards.
class EvalMode {
 public:
  explicit EvalMode(Module& root);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Module& root_;
  std::vector<bool> before_;
};

// A deep copy that keeps tied parameters tied (a plain copy unties them).
void copy_weight_tying(Module& copy, Module& original);
template <class M>
M clone(M& module) {
  M copy(module);
  copy_weight_tying(copy, module);
  return copy;
}

// Any module, held by value: what containers and factories use.
class AnyModule {
 public:
  // Never taken for a copy: AnyModule is no Module.
  // NOLINTBEGIN(google-explicit-constructor, bugprone-forwarding-reference-overload)
  template <class M>
  requires std::is_base_of_v<Module, std::decay_t<M>> AnyModule(M&& module)
      : module_(std::make_unique<std::decay_t<M>>(std::forward<M>(module))),
        copy_([](const Module& m) {
          return std::unique_ptr<Module>(
              new std::decay_t<M>(static_cast<const std::decay_t<M>&>(m)));
        }) {}
  // NOLINTEND(google-explicit-constructor, bugprone-forwarding-reference-overload)
  AnyModule(const AnyModule& other) : module_(other.copy_(*other.module_)), copy_(other.copy_) {}
  AnyModule(AnyModule&&) noexcept = default;
  AnyModule& operator=(AnyModule other) noexcept {
    std::swap(module_, other.module_);
    std::swap(copy_, other.copy_);
    return *this;
  }
  ~AnyModule() = default;

  Module& operator*() const { return *module_; }
  Module* operator->() const { return module_.get(); }

 private:
  std::unique_ptr<Module> module_;
  std::unique_ptr<Module> (*copy_)(const Module&);
};

template <class M>
Parts& Parts::operator()(std::string_view name, std::vector<M>& children) {
  const std::string prefix = name.empty() ? "" : std::string(name) + ".";
  for (std::size_t i = 0; i < children.size(); ++i) {
    const std::string child = prefix + std::to_string(i);
    if constexpr (std::is_same_v<M, AnyModule>) visit(child, *children[i]);
    else visit(child, static_cast<Module&>(children[i]));
  }
  return *this;
}

}  // namespace weft::nn
