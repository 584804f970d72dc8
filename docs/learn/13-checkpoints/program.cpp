// SPDX-License-Identifier: Apache-2.0
// Checkpoints: a run that is interrupted and goes on as if it had not been.
#include <weft/weft.h>

#include <cstdio>
#include <filesystem>

using namespace weft;

namespace {

// The weight and its optimizer. The loss is w²/2, so its gradient is w.
struct Run {
  nn::Linear model{1, 1, {.bias = false}};
  std::unique_ptr<optim::SGD> optimizer;
  Run() {
    model.weight.value().fill(1);
    optimizer = std::make_unique<optim::SGD>(model.named_parameters(), optim::SGDOptions{.lr = 0.1, .momentum = 0.9});
  }
  void step() {
    optimizer->zero_grad();
    (sum(square(model.weight)) * 0.5).backward();
    optimizer->step();
  }
  double w() const { return model.weight.value().item<double>(); }
};

// Everything that the next step depends on, in one file.
void save_run(Run& run, const std::string& path) {
  TensorMap all = state_of(run.model);
  for (const auto& [name, state] : run.optimizer->state().parameters)
    all["optimizer." + name] = state.slots[0];
  write_safetensors(path, all);
}

void load_run(Run& run, const std::string& path, bool with_optimizer) {
  const TensorMap all = read_safetensors(path);
  run.model.weight.value().copy_from(all.at("weight"));
  optim::OptimizerState state = run.optimizer->state();
  if (with_optimizer) state.parameters["weight"].slots[0] = all.at("optimizer.weight");
  run.optimizer->load_state(state);
}

}  // namespace

int main() try {
  Run whole;
  for (int step = 1; step <= 3; ++step) {
    whole.step();
    std::printf("step %d: w %.4f\n", step, whole.w());
    if (step == 2) save_run(whole, "run.safetensors");
  }
  for (const bool with_optimizer : {true, false}) {
    Run resumed;
    load_run(resumed, "run.safetensors", with_optimizer);
    resumed.step();
    std::printf("resumed: w %.4f\n", resumed.w());
  }
  std::filesystem::resize_file("run.safetensors", std::filesystem::file_size("run.safetensors") - 1);
  Run broken;
  load_run(broken, "run.safetensors", true);
} catch (const UserError& e) {
  std::printf("%s\n", e.what());
}
