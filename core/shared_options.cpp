// SPDX-License-Identifier: Apache-2.0
// take_shared(): copies values between two descriptions, by key.
#include <utility>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/fields.h"
#include "weft/core/registry.h"

namespace weft {
namespace {

// The described values of a section, by key. Each reference is into the section.
class SharedValues final : public Fields {
 public:
  const ValueRef* find(std::string_view key) const {
    for (const auto& [name, value] : values_)
      if (name == key) return &value;
    return nullptr;
  }

 private:
  void field(const Field& field, ValueRef value) override {
    values_.emplace_back(field.key, value);
  }
  std::vector<std::pair<std::string, ValueRef>> values_;
};

bool copy_value(std::string_view what, ValueRef into, ValueRef from);

// Copies into one value. Returns false for a value of another type.
struct SharedCopy {
  std::string_view what;
  ValueRef from;

  template <class T>
  bool operator()(T* into) const {
    if (const auto* same = std::get_if<T*>(&from)) {
      *into = **same;
      return true;
    }
    if constexpr (std::is_same_v<T, double>) {
      if (const auto* count = std::get_if<i64*>(&from)) {
        *into = static_cast<double>(**count);
        return true;
      }
    }
    return false;
  }
  bool operator()(const EnumRef& into) const {
    const auto* other = std::get_if<EnumRef>(&from);
    if (other == nullptr || !other->has_name()) return false;
    for (std::size_t i = 0; i < into.names.size(); ++i)
      if (into.names[i] == other->name()) {
        into.set(into.value, i);
        return true;
      }
    return false;
  }
  bool operator()(const ListRef& into) const {
    const auto* other = std::get_if<ListRef>(&from);
    if (other == nullptr) return false;
    const i64 size = other->size(other->list);
    into.resize(into.list, size);
    bool copied = true;
    for (i64 i = 0; i < size; ++i)
      copied = copied && copy_value(what, into.at(into.list, i), other->at(other->list, i));
    return copied;
  }
  bool operator()(const OptionalRef& into) const {
    const auto* other = std::get_if<OptionalRef>(&from);
    if (other == nullptr) return copy_value(what, into.emplace(into.optional), from);
    into.reset(into.optional);
    return !other->has_value(other->optional) ||
           copy_value(what, into.emplace(into.optional), other->value(other->optional));
  }
  bool operator()(const SectionRef& into) const {
    const auto* other = std::get_if<SectionRef>(&from);
    if (other != nullptr) take_shared(what, into, *other);
    return other != nullptr;
  }
  bool operator()(AnyRecipe* into) const {
    AnyRecipe* const* other = std::get_if<AnyRecipe*>(&from);
    if (other == nullptr || (*other)->kind() != into->kind()) return false;
    if ((*other)->name().empty()) return true;
    into->choose((*other)->name());
    take_shared(what, options_ref(*into), options_ref(**other));
    return true;
  }
};

bool copy_value(std::string_view what, ValueRef into, ValueRef from) {
  return std::visit(SharedCopy{what, from}, into);
}

class SharedTaker final : public Fields {
 public:
  SharedTaker(std::string_view what, const SharedValues& shared) : what_(what), shared_(shared) {}

 private:
  void field(const Field& field, ValueRef value) override {
    const ValueRef* from = shared_.find(field.key);
    if (from == nullptr) return;
    WEFT_CHECK(copy_value(what_, value, *from), "{}: {}: {} is shared; {} is required", what_,
               field.key, value_text(*from), expected_text(value, field.check));
  }

  std::string_view what_;
  const SharedValues& shared_;
};

}  // namespace

void take_shared(std::string_view what, SectionRef into, SectionRef shared) {
  SharedValues values;
  shared.describe(values);
  SharedTaker taker(what, values);
  into.describe(taker);
}

}  // namespace weft
