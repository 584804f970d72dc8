// SPDX-License-Identifier: Apache-2.0
#include "weft/data/sources.h"

#include <variant>

namespace weft::data {
namespace {

class TextOption final : public Fields {
 public:
  explicit TextOption(std::string_view key) : key_(key) {}
  std::string* found = nullptr;

 private:
  void field(const Field& field, ValueRef value) override {
    std::string** text = std::get_if<std::string*>(&value);
    if (field.key == key_ && text != nullptr) found = *text;
    // The dataset that a stream mixes in.
    const OptionalRef* optional = std::get_if<OptionalRef>(&value);
    if (optional == nullptr || !optional->has_value(optional->optional)) return;
    ValueRef inner = optional->value(optional->optional);
    if (AnyRecipe** recipe = std::get_if<AnyRecipe*>(&inner)) (*recipe)->describe(*this);
  }
  std::string_view key_;
};

}  // namespace

std::string* text_option(DataRecipe& recipe, std::string_view key) {
  TextOption option(key);
  recipe.describe(option);
  return option.found;
}

}  // namespace weft::data
