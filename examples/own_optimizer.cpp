// SPDX-License-Identifier: Apache-2.0
// An optimizer of one's own on the CPU: Lion (Chen et al. 2023, arXiv:2302.06675). For a GPU the
// same formula is compiled in a .cu; kernels/optim/element_update.h says how.
#include <weft/kernels/optim/element_update.h>
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

namespace {

struct LionOptions {
  double lr = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;
};
void describe(Fields& f, LionOptions& o) {
  f("lr", o.lr, "learning rate", positive);
  f("beta1", o.beta1, "factor of the mean in an update", from_to_below(0, 1));
  f("beta2", o.beta2, "factor of the mean in the next one", from_to_below(0, 1));
  f("weight_decay", o.weight_decay, "decoupled weight decay", non_negative);
}

// The update of one element. The optimizer's momentum is beta1, so that a schedule can change it.
struct LionFormula {
  static constexpr int kSlots = 1;
  double beta2;
  template <class T>
  WEFT_HOST_DEVICE void operator()(T& p, T g, T* mean, const kernels::UpdateRates<T>& r) const {
    const T direction = r.momentum * *mean + (1 - r.momentum) * g;
    p -= r.lr * (static_cast<T>((direction > 0) - (direction < 0)) + r.weight_decay * p);
    *mean = static_cast<T>(beta2) * *mean + static_cast<T>(1 - beta2) * g;
  }
};

class Lion : public optim::Optimizer {
 public:
  Lion(const nn::NamedParameters& parameters, const LionOptions& o)
      : Optimizer(parameters, {.lr = o.lr, .momentum = o.beta1, .weight_decay = o.weight_decay},
                  {"mean"}, {}),
        formula_{o.beta2} {}

 private:
  void update(const optim::AnyTable& table, const kernels::StepControl* control) override {
    WEFT_CHECK(is_cpu(table.device), "lion: parameters on a GPU; the CPU is required");
    std::visit([&](const auto& typed) { update_elements(Cpu{}, typed, control, formula_); },
               table.typed);
  }
  LionFormula formula_;
};
const bool registered = optim::add_optimizer<Lion, LionOptions>("lion");

}  // namespace

int main() try {
  manual_seed(1);
  const data::Digits digits{{.size = 2000}};
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1}};
  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 32}, nn::ReLU{}, nn::Linear{32, 10}};
  train::Trainer trainer{
      model,
      train::classification(),
      {.optimizer = optim::OptimizerRecipe::of("lion", LionOptions{.lr = 1e-3})}};
  double loss = 0;
  for (int epoch = 1; epoch <= 5; ++epoch)
    std::printf("epoch %d  loss %.4f\n", epoch, loss = trainer.train_one_epoch(loader).loss);
  return loss < 1.5 ? 0 : 1;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
