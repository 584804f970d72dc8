// SPDX-License-Identifier: Apache-2.0
// Module: a part of a network. It is a value: it can be moved, and a copy has its own parameters.
//
//   struct Net : nn::Module {
//     nn::Linear fc1{784, 128}, fc2{128, 10};
//     void parts(nn::Parts& p) override { p("fc1", fc1); p("fc2", fc2); }
//     Variable forward(const Variable& x) override { return fc2(relu(fc1(x))); }
//   };
//
// parts() names the children once. Names, parameters, modes, devices, files and the summary follow
// from it. Names are PyTorch's, like "fc1.weight".
//
// A module is called as model(x), not model.forward(x). A UserError from inside then names the
// layer that it comes from ("layer classifier.1: linear: x is …").
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

// The receiver to which parts() reports children, parameters and buffers.
class Parts {
 public:
  virtual ~Parts() = default;
  Parts& operator()(std::string_view name, Module& child) { return visit(name, child), *this; }
  // Undefined parameters and buffers are skipped.
  Parts& operator()(std::string_view name, Parameter& parameter);
  Parts& operator()(std::string_view name, Buffer& buffer);
  // The children are named "0", "1", … below `name`, or without a prefix if it is empty.
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

  // Reports the children, parameters and buffers to `Parts`. A name that is used twice, or that
  // cannot be a tensor's in a file, throws UserError when the module is walked.
  virtual void parts(Parts&) {}
  // A module with several inputs or outputs has a forward() of its own instead, and an operator()
  // that calls it through run(). This forward() then throws UserError.
  virtual Variable forward(const Variable& x);
  // The text that describes the module in summaries, like "Linear(784, 512)".
  virtual std::string label() const { return "Module"; }

  Variable operator()(const Variable& x);

  // Sets training or evaluation mode for this module and all modules below it. New modules are in
  // training mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  // The parameters in the order of parts(), depth first. A tied parameter is listed under its first
  // name only, or under all of its names with all_names.
  NamedParameters named_parameters(bool all_names = false);
  std::vector<NamedBuffer> named_buffers();
  i64 parameter_count();
  // This module and all modules below it with their paths, in the order of parts().
  std::vector<NamedModule> named_modules();
  // Converts parameters and floating buffers to a dtype, or moves parameters and all buffers to a
  // device. A parameter that already has the dtype or is on the device stays as it is, with its
  // gradient. The gradient of another one is dropped, and optimizers must be built afterwards.
  void to(DType dtype);
  void to(const Device& device);

  // --- fusion, used by Sequential ----------------------------------------------------------------
  // The activation that this module computes; none for a module that is not an activation alone.
  virtual kernels::Activation activation() const { return kernels::Activation::none; }
  // Whether forward_fused() computes this activation in the same op.
  virtual bool fuses(kernels::Activation) const { return false; }
  // Computes activation(forward(x)), in one op where fuses() says so. fused() calls it as
  // operator() calls forward().
  virtual Variable forward_fused(const Variable& x, kernels::Activation activation);
  Variable fused(const Variable& x, kernels::Activation activation);

  // A table with a line per module: path, label, shape of the output, and number of parameters.
  // `sample` is the shape of the input without the batch axis, like (28, 28, 1). Output shapes are
  // shown without the batch axis if they have one. The model is run on one sample and on two
  // (nn/dry_run.h).
  std::string summary(const Shape& sample);
  std::string summary(const Shape& sample, DType dtype);

  // The path of this module under the root that named it last, like "features.0", for traces.
  const std::string& path() const { return path_; }
  // Sets the paths of this module and of all modules below it.
  void name_paths(const std::string& root = "");

 protected:
  // Does for forward_it() what operator() does around forward(). It serves an operator() with other
  // arguments:
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

// Is called with the output of every module on this thread after it was computed. This includes an
// activation that the preceding layer computes.
class OutputObserver {
 public:
  virtual ~OutputObserver() = default;
  virtual void on_output(const Module& module, const Variable& output) = 0;
};
// Sets this thread's observer (null for none) and returns the previous one.
OutputObserver* set_output_observer(OutputObserver* observer);
OutputObserver* output_observer();

// Puts a module and all modules below it in evaluation mode while it lives, and restores the mode
// of each afterwards.
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

// clone() makes a deep copy in which tied parameters stay tied; in a plain copy they are not.
// copy_weight_tying() ties the parameters of a copy as they are tied in the original.
void copy_weight_tying(Module& copy, Module& original);
template <class M>
M clone(M& module) {
  M copy(module);
  copy_weight_tying(copy, module);
  return copy;
}

// A module of any type, held by value, for containers and factories.
class AnyModule {
 public:
  // This constructor is never chosen for a copy, because AnyModule is not derived from Module.
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
