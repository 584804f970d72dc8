// SPDX-License-Identifier: Apache-2.0
// Checkpoints: a run that is interrupted after two steps and goes on, well and badly.
#include <weft/weft.h>

#include <cstdio>
#include <filesystem>

using namespace weft;

// One weight. The loss is w²/2, so its gradient is w.
struct Run {
  nn::Linear model{1, 1, {.bias = false}};
  optim::SGD optimizer{model.named_parameters(), {.lr = 0.1, .momentum = 0.9}};

  Run() { model.weight.value().fill(1); }
  void step(const char* what) {
    optimizer.zero_grad();
    (sum(square(model.weight)) * 0.5).backward();
    optimizer.step();
    std::printf("%s: w %.4f\n", what, model.weight.value().item<double>());
  }
};

// All that the next step depends on, in one file. The optimizer's state is the momentum.
void save_run(Run& run, const std::string& path) {
  TensorMap all = state_of(run.model);
  all["momentum"] = run.optimizer.state().parameters.at("weight").slots[0];
  write_safetensors(path, all);
}
void load_run(Run& run, const std::string& path, bool with_momentum) {
  const TensorMap all = read_safetensors(path);
  run.model.weight.value().copy_from(all.at("weight"));
  optim::OptimizerState state = run.optimizer.state();
  if (with_momentum) state.parameters.at("weight").slots[0] = all.at("momentum");
  run.optimizer.load_state(state);
}

int main() try {
  Run whole;
  whole.step("step 1");
  whole.step("step 2");
  save_run(whole, "run.safetensors");
  whole.step("step 3");

  Run resumed;
  load_run(resumed, "run.safetensors", true);
  resumed.step("step 3, resumed");

  Run forgetful;
  load_run(forgetful, "run.safetensors", false);
  forgetful.step("step 3, resumed from the weight alone");

  // A crash while the file was written.
  const auto bytes = std::filesystem::file_size("run.safetensors");
  std::filesystem::resize_file("run.safetensors", bytes - 1);
  load_run(resumed, "run.safetensors", true);
} catch (const UserError& e) {
  std::printf("%s\n", e.what());
}
