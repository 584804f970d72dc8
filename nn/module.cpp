// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/module.h"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "weft/autograd/activation.h"
#include "weft/autograd/tape.h"
#include "weft/core/printable.h"
#include "weft/nn/safetensors_header.h"

namespace weft::nn {
namespace {

std::string joined(const std::string& prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
}

// "my::Net"
std::string class_name_of(const Module& module) {
  const char* mangled = typeid(module).name();
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr), &std::free);
  return name != nullptr ? name.get() : mangled;
}

std::string described(const Module& module) {
  const std::string label = module.label();
  return label == "Module" ? class_name_of(module) : label;
}
std::string described(const Parameter& p) {
  return fmt::format("a parameter {}", p.value().shape());
}
std::string described(const Buffer& b) { return fmt::format("a buffer {}", b.value.shape()); }

// The parts of one walk by their full names. Each name may be used once, because files and
// checkpoints find a tensor by its name.
class PartNames {
 public:
  template <class Part>
  void add(const std::string& name, Part& part) {
    check_name(name, part);
    const auto [first, is_new] = parts_.try_emplace(name, &part);
    if (is_new) return;
    const std::string used =
        std::visit([](auto* other) { return described(*other); }, first->second);
    fail("parts: '{}' names {} and {}; a name may be used once", name, used, described(part));
  }

 private:
  // Names of tensors are keys of safetensors files. A module may have no name of its own: the names
  // of its parts are then those of the parts of its parent.
  template <class Part>
  static void check_name(const std::string& name, const Part& part) {
    constexpr bool kIsTensor = !std::is_same_v<Part, Module>;
    const bool fits = !kIsTensor || (!name.empty() && !name.ends_with('.') && name != kMetadataKey);
    WEFT_CHECK(
        fits && printable_line(name) == name,
        "parts: '{}' names {}; a name of UTF-8 without control characters is required, which "
        "is not empty and not {}",
        printable_line(name), described(part), kMetadataKey);
  }

  std::unordered_map<std::string, std::variant<Module*, Parameter*, Buffer*>> parts_;
};

// Walks a tree of modules. The three callables are called for every part, with its full name.
template <class OnModule, class OnParameter, class OnBuffer>
class Walk final : public Parts {
 public:
  Walk(PartNames& names, std::string prefix, const OnModule& on_module,
       const OnParameter& on_parameter, const OnBuffer& on_buffer)
      : names_(names),
        prefix_(std::move(prefix)),
        on_module_(on_module),
        on_parameter_(on_parameter),
        on_buffer_(on_buffer) {}

  void start(Module& module) {
    on_module_(prefix_, module);
    module.parts(*this);
  }

 protected:
  void visit(std::string_view name, Module& child) override {
    const std::string full = joined(prefix_, name);
    names_.add(full, child);
    Walk below(names_, full, on_module_, on_parameter_, on_buffer_);
    below.start(child);
  }
  void visit(std::string_view name, Parameter& parameter) override {
    const std::string full = joined(prefix_, name);
    names_.add(full, parameter);
    on_parameter_(full, parameter);
  }
  void visit(std::string_view name, Buffer& buffer) override {
    const std::string full = joined(prefix_, name);
    names_.add(full, buffer);
    on_buffer_(full, buffer);
  }

 private:
  PartNames& names_;
  std::string prefix_;
  const OnModule& on_module_;
  const OnParameter& on_parameter_;
  const OnBuffer& on_buffer_;
};

constexpr auto kIgnore = [](const std::string&, auto&) {};

template <class OnModule, class OnParameter, class OnBuffer>
void walk(Module& root, const OnModule& on_module, const OnParameter& on_parameter,
          const OnBuffer& on_buffer, const std::string& prefix = "") {
  PartNames names;
  Walk(names, prefix, on_module, on_parameter, on_buffer).start(root);
}

thread_local OutputObserver* current_output_observer = nullptr;

// Records ops under the path of the module while it lives. The outermost scope sets the paths of
// the modules.
class PathScope {
 public:
  explicit PathScope(Module& module) {
    if (depth_++ == 0) module.name_paths(module.path());
    before_ = std::exchange(module_scope(), module.path());
    if (tape_observer() != nullptr) tape_observer()->on_module(module.path());
  }
  ~PathScope() {
    module_scope() = std::move(before_);
    --depth_;
  }
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  static thread_local int depth_;
  std::string before_;
};
thread_local int PathScope::depth_ = 0;

// A UserError that propagates out of nested modules. Each enclosing module computes the path of the
// layer below itself, so the path is right whether or not the paths were named before. It begins
// with the path of the outermost module, which tells a further model from the run's own.
class LayerError : public UserError {
 public:
  LayerError(const Module* layer, const std::string& path, const std::string& message)
      : UserError(path.empty() ? message : fmt::format("layer {}: {}", path, message)),
        layer_(layer),
        message_(message) {}

  LayerError seen_from(Module& outer) const {
    for (const NamedModule& named : outer.named_modules())
      if (named.module == layer_) return {layer_, joined(outer.path(), named.path), message_};
    return *this;
  }

 private:
  const Module* layer_;
  std::string message_;
};

}  // namespace

OutputObserver* set_output_observer(OutputObserver* observer) {
  return std::exchange(current_output_observer, observer);
}
OutputObserver* output_observer() { return current_output_observer; }

Parts& Parts::operator()(std::string_view name, Parameter& parameter) {
  if (parameter.defined()) visit(name, parameter);
  return *this;
}
Parts& Parts::operator()(std::string_view name, Buffer& buffer) {
  if (buffer.value.defined()) visit(name, buffer);
  return *this;
}

Variable Module::forward(const Variable&) {
  fail(
      "{}: called with one input; it has no forward(const Variable&), so it must be called with the "
      "inputs of a forward() of its own",
      class_name_of(*this));
}

Variable Module::run(Variable (*call)(const void*), const void* function) {
  try {
    if (tape_observer() == nullptr && current_output_observer == nullptr) return call(function);
    const PathScope scope(*this);
    Variable y = call(function);
    if (current_output_observer != nullptr) current_output_observer->on_output(*this, y);
    return y;
  } catch (const LayerError& error) {
    throw error.seen_from(*this);
  } catch (const UserError& error) {
    throw LayerError(this, path(), error.what());
  }
}

Variable Module::operator()(const Variable& x) {
  return run([&] { return forward(x); });
}

Variable Module::fused(const Variable& x, kernels::Activation activation) {
  return run([&] { return forward_fused(x, activation); });
}

Variable Module::forward_fused(const Variable& x, kernels::Activation activation) {
  return activate(forward(x), activation);
}

void Module::train(bool on) {
  walk(
      *this, [on](const std::string&, Module& module) { module.training_ = on; }, kIgnore, kIgnore);
}

NamedParameters Module::named_parameters(bool all_names) {
  NamedParameters result;
  std::unordered_set<const Leaf*> seen;
  walk(
      *this, kIgnore,
      [&](const std::string& name, Parameter& parameter) {
        const std::shared_ptr<Leaf>& leaf = parameter.variable().leaf_state();
        const bool first = seen.insert(leaf.get()).second;
        if (!first && !all_names) return;
        if (first) leaf->name = name;
        result.push_back({name, parameter.variable(), parameter.file_layout(), &parameter});
      },
      kIgnore);
  return result;
}

std::vector<NamedBuffer> Module::named_buffers() {
  std::vector<NamedBuffer> result;
  walk(*this, kIgnore, kIgnore, [&](const std::string& name, Buffer& buffer) {
    result.push_back({name, &buffer});
  });
  return result;
}

std::vector<NamedModule> Module::named_modules() {
  std::vector<NamedModule> result;
  walk(
      *this,
      [&](const std::string& path, Module& module) {
        result.push_back({path, &module});
      },
      kIgnore, kIgnore);
  return result;
}

i64 Module::parameter_count() {
  i64 count = 0;
  for (const NamedParameter& parameter : named_parameters())
    count += parameter.variable.value().elements();
  return count;
}

namespace {
// convert() returns the tensor itself if there is nothing to convert.
template <class Convert>
void convert_all(Module& module, const Convert& convert) {
  for (const NamedParameter& parameter : module.named_parameters()) {
    Leaf& leaf = *parameter.variable.leaf_state();
    const Tensor converted = convert(leaf.value);
    // A flat buffer may hold this value and its gradient, which must stay there.
    if (converted.shares_storage_with(leaf.value)) continue;
    leaf.value = converted;
    leaf.grad = Tensor();
    leaf.has_grad = false;
  }
  for (const NamedBuffer& named : module.named_buffers())
    named.buffer->value = convert(named.buffer->value);
}
}  // namespace

void Module::to(DType dtype) {
  WEFT_CHECK(is_floating(dtype), "Module::to: dtype {} given; a floating one is required", dtype);
  convert_all(*this, [dtype](const Tensor& t) { return is_floating(t.dtype()) ? t.to(dtype) : t; });
}

void Module::to(const Device& device) {
  convert_all(*this, [&device](const Tensor& t) { return t.to(device); });
}

void Module::name_paths(const std::string& root) {
  walk(
      *this, [](const std::string& path, Module& module) { module.path_ = path; }, kIgnore, kIgnore,
      root);
}

EvalMode::EvalMode(Module& root) : root_(root) {
  walk(
      root_, [&](const std::string&, Module& module) { before_.push_back(module.training_); },
      kIgnore, kIgnore);
  root_.eval();
}

EvalMode::~EvalMode() {
  std::size_t next = 0;
  walk(
      root_, [&](const std::string&, Module& module) { module.training_ = before_[next++]; },
      kIgnore, kIgnore);
}

void copy_weight_tying(Module& copy, Module& original) {
  std::vector<const Leaf*> order;
  std::vector<std::size_t> first;  // for each parameter, the index at which its leaf came first
  walk(
      original, kIgnore,
      [&](const std::string&, Parameter& parameter) {
        const Leaf* leaf = parameter.variable().leaf_state().get();
        const auto found = std::find(order.begin(), order.end(), leaf);
        first.push_back(static_cast<std::size_t>(found - order.begin()));
        order.push_back(leaf);
      },
      kIgnore);
  std::vector<Parameter*> copies;
  walk(
      copy, kIgnore,
      [&](const std::string&, Parameter& parameter) { copies.push_back(&parameter); }, kIgnore);
  for (std::size_t i = 0; i < copies.size(); ++i)
    if (first[i] != i) copies[i]->tie(*copies[first[i]]);
}

}  // namespace weft::nn
