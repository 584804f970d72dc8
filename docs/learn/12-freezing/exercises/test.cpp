// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "exercise.h"
#include "weights.h"

weft::i64 train_only(weft::nn::Module& model, const std::string& prefix);
void step(Weights& weights, const std::map<std::string, double>& gradient);
int epoch_to_unfreeze(const std::vector<double>& losses, double ratio);

namespace {

void test_1() {
  using namespace weft;
  nn::Sequential model{nn::Linear{4, 3}, nn::ReLU{}, nn::Linear{3, 2}};
  for (const auto& [prefix, count] : {std::pair{"2.", 8}, {"0.", 15}, {"", 23}}) {
    const i64 trained = train_only(model, prefix);
    learn::expect(std::string("train_only() with the prefix '") + prefix + "'",
                  static_cast<double>(trained), count);
    for (const nn::NamedParameter& p : model.named_parameters())
      learn::expect("requires_grad of " + p.name + " with the prefix '" + prefix + "'",
                    p.variable.requires_grad() ? 1 : 0, p.name.starts_with(prefix) ? 1 : 0);
  }
}

void test_2() {
  Weights weights{{{"a", 2}, {"b", 3}}, {}};
  step(weights, {{"a", 3}, {"b", 2}});
  learn::expect("a after step 1", weights.value.at("a"), 1.7);
  step(weights, {{"b", 1.7}});
  learn::expect("a after step 2, in which it is frozen,", weights.value.at("a"), 1.7);
  learn::expect("b after step 2", weights.value.at("b"), 2.53);
  step(weights, {{"b", 1.7}});
  step(weights, {{"a", 2.225}, {"b", 1.7}});
  learn::expect("a after step 4", weights.value.at("a"), 1.3275);
  learn::expect("b after step 4", weights.value.at("b"), 1.9025);
}

void test_3() {
  learn::expect("epoch_to_unfreeze({2, 1, 0.9, 0.89}, 0.95)",
                epoch_to_unfreeze({2, 1, 0.9, 0.89}, 0.95), 4);
  learn::expect("epoch_to_unfreeze({2, 1, 1.2, 0.4}, 1)", epoch_to_unfreeze({2, 1, 1.2, 0.4}, 1),
                3);
  learn::expect("epoch_to_unfreeze({2, 1, 1.3, 1.5}, 1.4), where the lowest loss is not the last,",
                epoch_to_unfreeze({2, 1, 1.3, 1.5}, 1.4), 4);
  learn::expect("epoch_to_unfreeze({2, 1}, 0.9)", epoch_to_unfreeze({2, 1}, 0.9), 0);
  learn::expect("epoch_to_unfreeze({2}, 0.9)", epoch_to_unfreeze({2}, 0.9), 0);
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
