// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/json.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"

namespace weft {

using Json = nlohmann::ordered_json;
constexpr i64 kShownProblems = 20;

struct State::Pass {
  Mode mode = Mode::save;
  Json root = Json::object();
  std::map<std::string, Tensor>* to = nullptr;          // while saving
  const std::map<std::string, Tensor>* from = nullptr;  // while reading
  std::vector<std::string> problems = {};               // the first ones
  i64 problem_count = 0;

  struct Level {
    Json* json;
    std::string path;
    std::set<std::string> keys = {};  // the keys of an object that state() has asked for
    // The values of an object by key, while reading. An ordered object has no index.
    std::map<std::string, Json*> slots = {};
  };
  std::vector<Level> levels = {};

  Json& here() { return *levels.back().json; }
  std::string path_of(std::string_view key) const {
    const std::string& above = levels.back().path;
    return above.empty() ? std::string(key) : fmt::format("{}.{}", above, key);
  }
  void problem(std::string_view key, const std::string& what) {
    if (mode == Mode::check && ++problem_count <= kShownProblems)
      problems.push_back(fmt::format("{} {}", excerpt(path_of(key), 200), what));
  }
  void enter(Json* json, std::string path) {
    levels.push_back({json, std::move(path)});
    if (mode == Mode::save || !json->is_object()) return;
    for (const auto& entry : json->items())
      levels.back().slots.emplace(entry.key(), &entry.value());
  }
  // The place of a key's value; saving makes it, and a missing key of a record gives null.
  Json* slot(std::string_view key) {
    Json& json = here();
    if (json.is_array()) {
      const auto index = static_cast<std::size_t>(std::stoll(std::string(key)));
      if (mode == Mode::save && index == json.size()) json.push_back(nullptr);
      return &json[index];
    }
    const std::string name(key);
    const bool is_first = levels.back().keys.insert(name).second;
    // A load may look at a key before it reads it.
    WEFT_ASSERT(is_first || mode != Mode::save, "state: '{}' is the key of two values",
                path_of(key));
    if (mode == Mode::save) return &json[name];
    const auto found = levels.back().slots.find(name);
    if (found != levels.back().slots.end()) return found->second;
    problem(key, "is missing");
    return nullptr;
  }
  void refuse(std::string_view key, const std::string& wanted, const Json& found) {
    problem(key, fmt::format("is {} and {} is required", excerpt(found.dump()), wanted));
  }
};

State::State(Pass& pass) : pass_(pass), mode_(pass.mode) {}

bool State::has(std::string_view key) const {
  return mode_ == Mode::save || pass_.here().contains(std::string(key));
}

void State::visit(std::string_view key, bool& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  if (mode_ == Mode::save) *slot = value;
  else if (!slot->is_boolean()) pass_.refuse(key, "true or false", *slot);
  else if (loading()) value = slot->get<bool>();
}

void State::visit(std::string_view key, int& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  using Limits = std::numeric_limits<int>;
  const bool fits = slot->is_number_unsigned()
                        ? slot->get<u64>() <= static_cast<u64>(Limits::max())
                        : slot->is_number_integer() && slot->get<i64>() >= Limits::min();
  if (mode_ == Mode::save) *slot = value;
  else if (!fits || !in_range(slot->get<double>()))
    pass_.refuse(key, "an integer" + (range_ ? range_text() : " of 32 bits"), *slot);
  else if (loading()) value = slot->get<int>();
}

void State::visit(std::string_view key, i64& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  const bool fits = slot->is_number_integer() &&
                    (!slot->is_number_unsigned() ||
                     slot->get<u64>() <= static_cast<u64>(std::numeric_limits<i64>::max()));
  if (mode_ == Mode::save) *slot = value;
  else if (!fits || !in_range(slot->get<double>()))
    pass_.refuse(key, "an integer" + range_text(), *slot);
  else if (loading()) value = slot->get<i64>();
}

void State::visit(std::string_view key, u64& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  if (mode_ == Mode::save) *slot = value;
  else if (!slot->is_number_unsigned()) pass_.refuse(key, "an integer from 0", *slot);
  else if (loading()) value = slot->get<u64>();
}

// JSON has no numbers for these values, so each is stored as a string.
void State::visit(std::string_view key, double& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  if (mode_ == Mode::save) {
    if (std::isfinite(value)) *slot = value;
    else *slot = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    return;
  }
  const bool special = *slot == "nan" || *slot == "inf" || *slot == "-inf";
  double saved = std::numeric_limits<double>::quiet_NaN();
  if (slot->is_number()) saved = slot->get<double>();
  else if (*slot != "nan")
    saved = (*slot == "inf" ? 1 : -1) * std::numeric_limits<double>::infinity();
  if ((!slot->is_number() && !special) || !in_range(saved))
    return pass_.refuse(key, "a number" + range_text(), *slot);
  if (loading()) value = saved;
}

bool State::in_range(double value) const {
  return !range_ || (value >= range_->low && value <= range_->high);
}

std::string State::range_text() const {
  return range_ ? fmt::format(" from {} to {}", range_->low, range_->high) : "";
}

void State::visit(std::string_view key, std::string& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  if (mode_ == Mode::save) *slot = value;
  else if (!slot->is_string()) pass_.refuse(key, "a text", *slot);
  else if (loading()) value = slot->get<std::string>();
}

// The JSON describes the tensor for readers, as in "tensor f32 (3, 4)". Its elements are beside it.
void State::visit(std::string_view key, Tensor& value) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return;
  const std::string path = pass_.path_of(key);
  const auto text = [](const Tensor& t) {
    return fmt::format("tensor {} {}", name_of(t.dtype()), t.shape());
  };
  if (mode_ == Mode::save) {
    if (!value.defined()) return;  // the JSON stays null
    *slot = text(value);
    (*pass_.to)[path] = value.clone();
    return;
  }
  if (slot->is_null() && !value.defined()) return;
  const auto found = pass_.from->find(path);
  if (found == pass_.from->end() || !slot->is_string() || *slot != text(found->second))
    return pass_.problem(
        key,
        fmt::format("is {} and its tensor is {}; both are required", slot->dump(),
                    found == pass_.from->end() ? std::string("missing") : text(found->second)));
  const Tensor& saved = found->second;
  if (value.defined() && (value.shape() != saved.shape() || value.dtype() != saved.dtype()))
    return pass_.refuse(key, text(value), *slot);
  if (!loading()) return;
  if (value.defined()) value.copy_from(saved.to(value.device()));
  else value = saved.clone();
}

void State::require_tensor(std::string_view key) {
  if (mode_ == Mode::save) return;
  const Json* slot = pass_.slot(key);
  if (slot != nullptr && slot->is_null()) pass_.refuse(key, "a tensor", *slot);
}

bool State::begin_object(std::string_view key) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return false;
  if (mode_ == Mode::save) *slot = Json::object();
  if (!slot->is_object()) return pass_.refuse(key, "a section", *slot), false;
  pass_.enter(slot, pass_.path_of(key));
  return true;
}

void State::end_object() {
  const Pass::Level level = std::move(pass_.levels.back());
  pass_.levels.pop_back();
  if (mode_ != Mode::check) return;
  const std::vector<std::string> known(level.keys.begin(), level.keys.end());
  for (const auto& [key, value] : level.slots)
    if (!level.keys.contains(key) && ++pass_.problem_count <= kShownProblems)
      pass_.problems.push_back(fmt::format("{}{}{} is unknown{}", level.path,
                                           level.path.empty() ? "" : ".", excerpt(key, 200),
                                           did_you_mean(key, known)));
}

bool State::begin_list(std::string_view key, i64& size) {
  Json* slot = pass_.slot(key);
  if (slot == nullptr) return false;
  if (mode_ == Mode::save) *slot = Json::array();
  if (!slot->is_array()) return pass_.refuse(key, "a list", *slot), false;
  if (mode_ != Mode::save) size = static_cast<i64>(slot->size());
  pass_.enter(slot, pass_.path_of(key));
  return true;
}

void State::end_list() { pass_.levels.pop_back(); }

bool State::begin_optional(std::string_view key, bool& present) {
  if (mode_ == Mode::save) {
    if (!present) *pass_.slot(key) = nullptr;
    return true;
  }
  const Json* slot = pass_.slot(key);
  if (slot == nullptr) return false;
  present = !slot->is_null();
  return true;
}

std::vector<std::string> State::keys_of_object() const {
  std::vector<std::string> keys;
  for (const auto& entry : pass_.here().items()) keys.push_back(entry.key());
  return keys;
}

void State::differs(std::string_view key) {
  pass_.problem(key, fmt::format("was {} and is different now; it must be the same",
                                 excerpt(pass_.here()[std::string(key)].dump())));
}

StateRecord save_state(const std::function<void(State&)>& state) {
  StateRecord record;
  State::Pass pass;
  pass.to = &record.tensors;
  pass.levels.push_back({&pass.root, ""});
  State saver(pass);
  state(saver);
  record.json = pass.root.dump();
  return record;
}

void load_state(const std::function<void(State&)>& state, const StateRecord& record,
                std::string_view what) {
  Json root = parse_json<Json>(record.json, fmt::format("{}: its saved state", what));
  WEFT_CHECK(root.is_object(), "{}: its saved state is no JSON object", what);
  State::Pass check{.mode = State::Mode::check, .root = std::move(root), .from = &record.tensors};
  check.enter(&check.root, "");
  State checker(check);
  state(checker);
  checker.end_object();
  const i64 more = check.problem_count - static_cast<i64>(check.problems.size());
  WEFT_CHECK(
      check.problems.empty(),
      "{}: the saved state does not fit ({}{}); a state of the same kind and version is required",
      what, fmt::join(check.problems, "; "), more == 0 ? "" : fmt::format("; {} more", more));
  check.mode = State::Mode::load;
  check.enter(&check.root, "");
  State loader(check);
  try {
    state(loader);
  } catch (const UserError& error) {  // an object refuses what it has loaded
    fail("{}: {}", what, error.what());
  }
}

}  // namespace weft
