// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/cost.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "weft/autograd/formulas.h"
#include "weft/autograd/tape.h"
#include "weft/nn/dry_run.h"
#include "weft/nn/layer_parts.h"

namespace weft::nn {
namespace {

bool trains(const OwnParameters& own) {
  return std::any_of(own.leaves.begin(), own.leaves.end(),
                     [](const Leaf* leaf) { return leaf->requires_grad; });
}

// The one parameter of at least two axes; null if there is none, or a choice.
const Leaf* weight_of(const OwnParameters& own) {
  const Leaf* found = nullptr;
  for (const Leaf* leaf : own.leaves) {
    if (leaf->value.rank() < 2) continue;
    if (found != nullptr) return nullptr;
    found = leaf;
  }
  return found;
}

// Follows a forward pass on one sample.
class CostObserver final : public TapeObserver {
 public:
  explicit CostObserver(Module& model) : before_(set_tape_observer(this)) {
    model.name_paths(model.path());
    for (const NamedModule& named : model.named_modules())
      layers_.try_emplace(named.module->path(), OwnParameters(*named.module));
  }
  ~CostObserver() override { set_tape_observer(before_); }
  CostObserver(const CostObserver&) = delete;
  CostObserver& operator=(const CostObserver&) = delete;

  struct Work {
    double forward = 0, backward = 0, bytes = 0;
  };
  Work of(const std::string& path) const {
    const auto found = work_.find(path);
    return found == work_.end() ? Work{} : found->second;
  }

  void on_forward(const char* op, const std::string& scope, const Tensor& output) override {
    Work& work = work_[scope];
    if (!is_view(op, output)) work.bytes += static_cast<double>(bytes_of(output));
    outputs_.push_back(output);
    const auto layer = layers_.find(scope);
    if (layer == layers_.end()) return;
    const Leaf* weight = weight_of(layer->second);
    const double forward = flops_of(op, output.shape(), weight ? weight->value : Tensor());
    work.forward += forward;
    if (weight != nullptr && weight->requires_grad) work.backward += forward;
    if (trained_before_) work.backward += forward;
    trained_before_ = trained_before_ || trains(layer->second);
  }
  void on_backward(const char*, const std::string&, const Tensor&) override {}

 private:
  // The input of the model is no output, so a view of it is known by the op alone.
  bool is_view(const std::string& op, const Tensor& output) const {
    return op == "reshape" ||
           std::any_of(outputs_.begin(), outputs_.end(),
                       [&](const Tensor& other) { return output.shares_storage_with(other); });
  }

  TapeObserver* before_;
  std::unordered_map<std::string, OwnParameters> layers_;
  std::unordered_map<std::string, Work> work_;
  std::vector<Tensor> outputs_;  // kept, so that no memory is used twice
  bool trained_before_ = false;
};

}  // namespace

double flops_of(const std::string& op, const Shape& output, const Tensor& weight) {
  if ((op != "linear" && op != "conv2d") || !weight.defined() || weight.rank() < 2) return 0;
  return weighted_product_flops(output, weight.shape());
}

ModelCost cost_of(Module& model, const Shape& sample, DType dtype) {
  const std::vector<std::string> outputs = output_texts(model, sample, dtype);
  CostObserver observer(model);
  dry_run(model, sample, dtype);
  ModelCost cost;
  std::unordered_set<const Leaf*> seen;
  std::size_t index = 0;
  for (const NamedModule& named : model.named_modules()) {
    LayerCost layer{.path = named.path, .label = named.module->label()};
    layer.output = outputs[index++];
    for (const Leaf* leaf : OwnParameters(*named.module).leaves) {
      if (!seen.insert(leaf).second) continue;
      layer.parameters += leaf->value.elements();
      cost.parameter_bytes += bytes_of(leaf->value);
      if (!leaf->requires_grad) continue;
      layer.trained += leaf->value.elements();
      cost.gradient_bytes += bytes_of(leaf->value);
    }
    const CostObserver::Work work = observer.of(named.module->path());
    layer.forward_flops = work.forward;
    layer.backward_flops = work.backward;
    layer.activation_bytes = work.bytes;
    cost.total.parameters += layer.parameters;
    cost.total.trained += layer.trained;
    cost.total.forward_flops += layer.forward_flops;
    cost.total.backward_flops += layer.backward_flops;
    cost.total.activation_bytes += layer.activation_bytes;
    cost.layers.push_back(std::move(layer));
  }
  cost.total.share = 1;
  for (LayerCost& layer : cost.layers)
    layer.share = cost.total.parameters > 0 ? static_cast<double>(layer.parameters) /
                                                  static_cast<double>(cost.total.parameters)
                                            : 0;
  return cost;
}

}  // namespace weft::nn
