// SPDX-License-Identifier: Apache-2.0
// Input: trainer_state.json of a checkpoint whose manifest is right. Each part of its state is then
// loaded into an object that has a value of every type.
#include "weft/core/sha256.h"
#include "weft/tests/fuzz/fuzz.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::fuzz {
namespace {

struct Inner {
  i64 steps = 0;
  std::vector<double> losses = {};
  void state(State& s) { s("steps", steps)("losses", losses); }
};

// The members are defaults that a load replaces.
struct EveryType {
  bool on = false;
  int small = 0;
  i64 wide = 0;
  u64 draws = 0;
  double best = 0;
  std::string name = {};
  Tensor average = Tensor::zeros({2, 3}), free = {};
  Inner inner = {};
  std::vector<Inner> list = {};
  std::optional<double> maybe = {};
  std::map<std::string, i64> counts = {};

  void state(State& s) {
    s("on", on)("small", small)("wide", wide)("draws", draws)("best", best)("name", name);
    s("average", average)("free", free)("inner", inner)("list", list)("maybe", maybe);
    s("counts", counts);
    s.same("seed", u64{7});
  }
};

constexpr const char* kState = "state/trainer_state.json";
constexpr std::string_view kWeights = "weights, which are not read";

// Reads the checkpoint with this trainer_state.json. Beside it lie the weights, and the tensors of
// the part `trainer`.
train::CheckpointReader reader_of(std::string_view state) {
  static const std::string tensors = [] {
    const auto path = write("state/optimizer.safetensors", "");
    write_safetensors(path.string(), {{"trainer.average", Tensor::zeros({2, 3})},
                                      {"trainer.free", Tensor::zeros({4}, DType::int64)}});
    write("state/model.safetensors", kWeights);
    return text_of(path);
  }();
  const auto checkpoint = write(kState, state).parent_path();
  const auto record = [](std::string_view text) {
    return train::FileRecord{static_cast<i64>(text.size()), sha256_of(text)};
  };
  write("state/manifest.json", train::manifest_text({{train::kTrainerStateFile, record(state)},
                                                     {train::kOptimizerFile, record(tensors)},
                                                     {train::kModelFile, record(kWeights)}}));
  return train::CheckpointReader(checkpoint);
}

std::string text_again(const train::CheckpointReader& reader) {
  train::StateParts parts;
  for (const std::string& name : reader.parts()) parts[name] = reader.part(name);
  TensorMap tensors;
  return train::trainer_state_text(reader.about(), parts, tensors);
}

void run_trainer_state(std::string_view input) {
  const train::CheckpointReader reader = reader_of(input);
  (void)train::metrics_of_checkpoint(folder() / "state");
  const std::string text = text_again(reader);
  WEFT_ASSERT(text_again(reader_of(text)) == text, "a state reads back as another");
  for (const std::string& name : reader.parts()) {
    EveryType object;
    load_state(object, reader.part(name), name);
    EveryType same;
    load_state(same, save_state(object), name);
  }
}

const bool registered = add("trainer_state", run_trainer_state);

}  // namespace
}  // namespace weft::fuzz
