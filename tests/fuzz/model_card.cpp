// SPDX-License-Identifier: Apache-2.0
// Input: the metadata of a weights file, four parts: architecture (YAML), input, normalize and
// classes (JSON). What is read is written, and then reads back equal. The architectures are
// stand-ins with the options of real ones, so that no kernel needs to be built.
#include "weft/tests/fuzz/fuzz.h"
#include "weft/train/checkpoint/model_metadata.h"

namespace weft::fuzz {
namespace {

struct MlpCard {
  std::vector<i64> hidden = {128};
  std::string activation = "relu";
  double dropout = 0;
};
void describe(Fields& f, MlpCard& o) {
  f("hidden", o.hidden, "sizes of the hidden layers", positive);
  f("activation", o.activation, "function after them", one_of({"relu", "gelu", "tanh"}));
  f("dropout", o.dropout, "of what is dropped", from_to_below(0, 1));
}

nn::AnyModule none(const MlpCard&, const nn::ModelInput&) {
  fail("model: this one is never built");
}
const bool mlp_registered = Registry<nn::Model>::add<MlpCard>("mlp", none);
const bool cnn_registered = Registry<nn::Model>::add<MlpCard>("cnn", none);

void run_model_card(std::string_view input) {
  const std::vector<std::string> parts = parts_of(input, 4);
  const Metadata metadata{{"architecture", parts[0]},
                          {"input", parts[1]},
                          {"normalize", parts[2]},
                          {"classes", parts[3]}};
  const train::ModelMetadata card = train::read_model_metadata("card.safetensors", metadata);
  const Metadata written = train::metadata_of(card);
  WEFT_ASSERT(
      train::metadata_of(train::read_model_metadata("card.safetensors", written)) == written,
      "metadata read back as others");
}

const bool registered = add("model_card", run_model_card);

}  // namespace
}  // namespace weft::fuzz
