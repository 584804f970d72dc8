// SPDX-License-Identifier: Apache-2.0
// State: the values of an object that a checkpoint keeps from an interrupted run to the resumed
// run. One function both saves and loads, so that the two cannot disagree:
//
//   struct UnfreezeWhenFlat : Strategy {
//     void state(State& s) override { s("best", best_)("unfrozen", unfrozen_); }
//     …
//   };
//   const StateRecord record = save_state(strategy);       // JSON, and tensors by path
//   load_state(strategy, record, "strategy 'unfreeze_when_flat'");
//
// A value may be a bool, int, i64, u64, double (bit for bit, infinities and NaN included),
// std::string or Tensor, an object that has a state() itself, and a std::vector, std::optional or
// std::map (by name) of these. A defined Tensor is loaded in place, and the saved one must have its
// shape and dtype. An undefined Tensor receives a copy of the saved one, or stays undefined if that
// was undefined.
//
// A record comes from a file, which anyone may have written. So what an object computes with is
// asked for with a range: s.within("steps", steps_, 0, kMostSaved). Loading then refuses any other
// value, and NaN.
//
// Note [Loading a state]
// load_state() calls state() twice. The first call compares the values it asks for with the record
// and writes nothing; the second call writes. A record that does not fit (a missing key, an unknown
// key, another type, a value out of its range) throws one UserError that lists all differences, and
// leaves the object unchanged. loading() is true in the second call alone. An object that must act
// on the loaded values does so there, after it has asked for them.
#pragma once
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft {

class State;

// A saved state. `json` is an object; `tensors` holds the tensors under their paths, like
// "average.fc1.weight".
struct StateRecord {
  std::string json = "{}";
  std::map<std::string, Tensor> tensors = {};
};

// More than any run has steps, samples or epochs: products of a few such counts fit in a double,
// and sums of them in an i64.
constexpr double kMostSaved = 0x1p40;

template <class T>
concept Stateful = requires(T& object, State& state) {
  object.state(state);
};

class State {
 public:
  template <class T>
  State& operator()(std::string_view key, T& value);

  // Likewise, with the least and the greatest value that loading accepts. The value is an
  // int, i64 or double, or a container of these.
  template <class T>
  State& within(std::string_view key, T& value, double low, double high);

  // Saves a value that loading cannot change, such as a seed or a size; loading requires that it is
  // the same. The types are bool, i64, u64, double and std::string.
  template <class T>
  State& same(std::string_view key, T value);

  bool loading() const { return mode_ == Mode::load; }
  bool saving() const { return mode_ == Mode::save; }
  // False while reading a record that does not have this key: for a value that older records lack.
  // True while saving.
  bool has(std::string_view key) const;

  struct Pass;  // internal to state.cpp
  explicit State(Pass& pass);

 private:
  friend StateRecord save_state(const std::function<void(State&)>& state);
  friend void load_state(const std::function<void(State&)>& state, const StateRecord& record,
                         std::string_view what);
  enum class Mode { save, check, load };

  void visit(std::string_view key, bool& value);
  void visit(std::string_view key, int& value);
  void visit(std::string_view key, i64& value);
  void visit(std::string_view key, u64& value);
  void visit(std::string_view key, double& value);
  void visit(std::string_view key, std::string& value);
  void visit(std::string_view key, Tensor& value);
  void require_tensor(std::string_view key);
  // Each begin function returns false if the record has nothing there to descend into. The items of
  // a list have the keys "0", "1", ….
  bool begin_object(std::string_view key);
  void end_object();
  bool begin_list(std::string_view key, i64& size);
  void end_list();
  bool begin_optional(std::string_view key, bool& present);
  std::vector<std::string> keys_of_object() const;
  void differs(std::string_view key);
  bool in_range(double value) const;
  std::string range_text() const;

  template <class T>
  void item(std::string_view key, T& value);
  // An entry of a list or map, which holds no undefined tensors.
  template <class T>
  void entry(std::string_view key, T& value);
  template <class T>
  void list(std::string_view key, std::vector<T>& values);
  template <class T>
  void optional(std::string_view key, std::optional<T>& value);
  template <class T>
  void map(std::string_view key, std::map<std::string, T>& values);

  struct Range {
    double low, high;
  };
  Pass& pass_;
  Mode mode_;
  std::optional<Range> range_;  // of the values that are asked for
};

StateRecord save_state(const std::function<void(State&)>& state);
// Loads a state as Note [Loading a state] says. Throws UserError if the record does not fit; the
// message begins with `what`, as in "strategy 'staged_unfreeze'".
void load_state(const std::function<void(State&)>& state, const StateRecord& record,
                std::string_view what);
template <Stateful T>
StateRecord save_state(T& object) {
  return save_state([&object](State& s) { object.state(s); });
}
template <Stateful T>
void load_state(T& object, const StateRecord& record, std::string_view what) {
  load_state([&object](State& s) { object.state(s); }, record, what);
}

namespace detail {
template <class T>
inline constexpr bool is_state_list = false;
template <class T>
inline constexpr bool is_state_list<std::vector<T>> = true;
template <class T>
inline constexpr bool is_state_optional = false;
template <class T>
inline constexpr bool is_state_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_state_map = false;
template <class T>
inline constexpr bool is_state_map<std::map<std::string, T>> = true;
}  // namespace detail

template <class T>
State& State::operator()(std::string_view key, T& value) {
  item(key, value);
  return *this;
}

template <class T>
State& State::within(std::string_view key, T& value, double low, double high) {
  range_ = {low, high};
  item(key, value);
  range_.reset();
  return *this;
}

template <class T>
State& State::same(std::string_view key, T value) {
  T recorded = value;
  // The recorded value is read into a copy, which only the loading mode writes.
  const Mode mode = mode_;
  if (mode == Mode::check) mode_ = Mode::load;
  visit(key, recorded);
  mode_ = mode;
  if (mode == Mode::check && recorded != value) differs(key);
  return *this;
}

template <class T>
void State::item(std::string_view key, T& value) {
  if constexpr (detail::is_state_list<T>) {
    list(key, value);
  } else if constexpr (detail::is_state_optional<T>) {
    optional(key, value);
  } else if constexpr (detail::is_state_map<T>) {
    map(key, value);
  } else if constexpr (Stateful<T>) {
    if (!begin_object(key)) return;
    value.state(*this);
    end_object();
  } else {
    visit(key, value);
  }
}

template <class T>
void State::entry(std::string_view key, T& value) {
  if constexpr (std::is_same_v<T, Tensor>) require_tensor(key);
  item(key, value);
}

template <class T>
void State::list(std::string_view key, std::vector<T>& values) {
  static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no elements to refer to");
  i64 size = static_cast<i64>(values.size());
  if (!begin_list(key, size)) return;
  if (loading()) values.resize(static_cast<std::size_t>(size));
  for (i64 i = 0; i < size; ++i) {
    const std::string number = std::to_string(i);
    if (mode_ == Mode::check) {
      T probe{};
      entry(number, probe);
    } else {
      entry(number, values[static_cast<std::size_t>(i)]);
    }
  }
  end_list();
}

template <class T>
void State::optional(std::string_view key, std::optional<T>& value) {
  bool present = value.has_value();
  if (!begin_optional(key, present)) return;
  if (!present) {
    if (loading()) value.reset();
    return;
  }
  if (mode_ == Mode::check) {
    T probe{};
    item(key, probe);
    return;
  }
  if (!value) value.emplace();
  item(key, *value);
}

template <class T>
void State::map(std::string_view key, std::map<std::string, T>& values) {
  if (!begin_object(key)) return;
  if (mode_ == Mode::save) {
    for (auto& [name, value] : values) entry(name, value);
  } else {
    const std::vector<std::string> names = keys_of_object();
    if (loading()) values.clear();
    for (const std::string& name : names) {
      T probe{};
      if (loading()) entry(name, values[name]);
      else entry(name, probe);
    }
  }
  end_object();
}

}  // namespace weft
