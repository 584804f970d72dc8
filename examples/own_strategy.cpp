// SPDX-License-Identifier: Apache-2.0
// A strategy of your own, registered from outside weft. It trains the head alone until its loss no
// longer falls, then unfreezes the layers below. A config chooses it by `strategy:
// unfreeze_when_flat`.
#include <weft/weft.h>

#include <algorithm>
#include <cstdio>

using namespace weft;

namespace {

struct UnfreezeWhenFlatOptions {
  double ratio = 0.9;
  std::string layers = "1.*";
};

void describe(Fields& f, UnfreezeWhenFlatOptions& o) {
  f("ratio", o.ratio, "unfreeze when loss > ratio * best", positive);
  f("layers", o.layers, "glob of parameter names");
}

class UnfreezeWhenFlat : public train::Strategy {
 public:
  explicit UnfreezeWhenFlat(const UnfreezeWhenFlatOptions& options) : options_(options) {}

  void state(train::State& s) override { s("best", best_)("unfrozen", unfrozen_); }

  void on_train_begin(train::Trainer& t) override { set(t, unfrozen_ > 0); }
  void on_epoch_end(train::Trainer& t, const train::EpochResult& r) override {
    if (unfrozen_ == 0 && r.loss > options_.ratio * best_) {
      unfrozen_ = r.epoch;
      set(t, true);
    }
    best_ = std::min(best_, r.loss);
  }
  i64 unfrozen() const { return unfrozen_; }

 private:
  void set(train::Trainer& t, bool on) {
    const i64 matched = t.set_requires_grad(options_.layers, on);
    const optim::RebuildReport report = t.rebuild_optimizer_and_scheduler();
    std::printf("%s: %lld parameters; %zu kept, %zu stashed, %zu restored\n",
                on ? "unfrozen" : "frozen", static_cast<long long>(matched), report.kept.size(),
                report.stashed.size(), report.restored.size());
  }

  UnfreezeWhenFlatOptions options_;
  double best_ = 1e9;
  i64 unfrozen_ = 0;  // the epoch after which they were unfrozen, or 0
};

const bool registered =
    Registry<train::Strategy>::add<UnfreezeWhenFlat, UnfreezeWhenFlatOptions>("unfreeze_when_flat");

}  // namespace

int main() try {
  manual_seed(1);
  data::Digits digits{{.size = 2000}};
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1}};
  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 64}, nn::ReLU{}, nn::Linear{64, 10}};
  train::Trainer trainer{
      model, train::classification(), {.optimizer = optim::adamw({.lr = 3e-3}), .epochs = 10}};

  // An Orchestrator makes these calls for the strategy of a config.
  UnfreezeWhenFlat strategy{{.ratio = 0.9}};
  strategy.on_setup(trainer);
  trainer.add_observer(strategy);
  strategy.on_train_begin(trainer);
  double loss = 0;
  for (int epoch = 0; epoch < 10; ++epoch) {
    loss = trainer.train_one_epoch(loader).loss;
    std::printf("epoch %d  loss %.4f\n", epoch + 1, loss);
  }
  return registered && strategy.unfrozen() > 0 && loss < 0.5 ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
