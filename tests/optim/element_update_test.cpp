// SPDX-License-Identifier: Apache-2.0
// An optimizer of one's own by a formula, with all that an Optimizer does around it.
#include "weft/kernels/optim/element_update.h"

#include <gtest/gtest.h>

#include "weft/optim/optimizer.h"
#include "weft/optim/sgd.h"
#include "weft/tests/optim/net.h"

namespace weft::optim {
namespace {

// SGD with momentum. It also keeps a count of its updates and the sum of its gradients.
struct Counting {
  static constexpr int kSlots = 3;
  template <class T>
  void operator()(T& p, T g, T* state, const kernels::UpdateRates<T>& r) const {
    state[0] = r.momentum * state[0] + (g + r.weight_decay * p);
    state[1] += 1;
    state[2] += g;
    p -= r.lr * state[0];
  }
};

class OwnOptimizer : public Optimizer {
 public:
  explicit OwnOptimizer(const nn::NamedParameters& parameters)
      : Optimizer(parameters, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01},
                  {"momentum", "count", "sum"}, {}) {}

 private:
  void update(const AnyTable& table, const kernels::StepControl* control) override {
    std::visit([&](const auto& typed) { update_elements(Cpu{}, typed, control, Counting{}); },
               table.typed);
  }
};

TEST(ElementUpdate, IsSgdWithStateOfItsOwn) {
  Net own, plain;
  OwnOptimizer optimizer{own.parameters};
  SGD sgd{plain.parameters, {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}};
  train(own, optimizer, 2);
  train(plain, sgd, 2);
  for (const bool trains : {false, true}) {  // a parameter that is frozen for a time
    for (Net* net : {&own, &plain}) net->parameters[1].variable.set_requires_grad(trains);
    optimizer.rebuild();
    sgd.rebuild();
    train(own, optimizer, 1);
    train(plain, sgd, 1);
  }
  const std::vector<double> values = own.values(), wanted = plain.values();
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], wanted[i], 1e-13) << i;
  const OptimizerState state = optimizer.state();
  ASSERT_FALSE(state.parameters.empty());
  for (const auto& [name, parameter] : state.parameters) {
    ASSERT_EQ(parameter.slots.size(), 3u);
    for (const double count : parameter.slots[1].to_vector<double>())
      EXPECT_EQ(count, name == "fc1.bias" ? 3 : 4) << name;
  }
}

}  // namespace
}  // namespace weft::optim
