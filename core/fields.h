// SPDX-License-Identifier: Apache-2.0
// Each options struct has one description:
//
//   void describe(Fields& f, SgdOptions& o) {
//     f("lr", o.lr, "learning rate", positive);
//     f("nesterov", o.nesterov, "look ahead");
//   }
//
// The description drives parsing, validation, defaults, printing and documentation. Each of these
// is a Fields, a visitor, and none of them depends on the struct.
//
// A value may be a bool, int, i64, double, std::string, Duration or Seconds, an enumeration that
// has names (core/enum_names.h), a struct that has a describe function, a Recipe<Kind>
// (core/registry.h), or a std::optional or std::vector of these. A std::map from names to these is
// a section whose keys a config chooses.
#pragma once
#include <concepts>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "weft/core/check.h"
#include "weft/core/duration.h"
#include "weft/core/enum_names.h"
#include "weft/core/seconds.h"
#include "weft/core/types.h"

namespace weft {

class AnyRecipe;
class AnyRegistry;
class Fields;
struct EnumRef;
struct ListRef;
struct OptionalRef;
struct SectionRef;

// A ValueRef is a described value without its C++ type. It is a reference and must not outlive the
// value.
using ValueRef = std::variant<bool*, int*, i64*, double*, std::string*, Duration*, Seconds*,
                              EnumRef, ListRef, OptionalRef, SectionRef, AnyRecipe*>;
using ValueFunction = std::function<void(ValueRef)>;

// An enumeration that has names.
struct EnumRef {
  void* value;
  std::span<const std::string_view> names;
  std::size_t (*get)(const void* value);  // the index of its name; >= names.size() if none
  void (*set)(void* value, std::size_t index);

  std::vector<std::string> choices() const { return {names.begin(), names.end()}; }
  bool has_name() const { return get(value) < names.size(); }
  std::string_view name() const { return names[get(value)]; }  // has_name must hold
};

// A std::vector.
struct ListRef {
  void* list;
  i64 (*size)(void* list);
  void (*resize)(void* list, i64 size);
  ValueRef (*at)(void* list, i64 index);
  void (*with_sample)(const ValueFunction&);  // calls with a default-constructed element
};

// A std::optional.
struct OptionalRef {
  void* optional;
  bool (*has_value)(void* optional);
  void (*reset)(void* optional);
  ValueRef (*emplace)(void* optional);  // stores a default value in it
  ValueRef (*value)(void* optional);    // has_value must hold
  void (*with_sample)(const ValueFunction&);
};

// A struct that has a describe, or a std::map.
struct SectionRef {
  void* section;
  void (*describe_it)(Fields&, void* section);
  // Of a map: adds a default value under a key, and calls with a default value. Null for a struct.
  void (*insert)(void* section, const std::string& key) = nullptr;
  void (*with_sample)(const ValueFunction&) = nullptr;

  void describe(Fields& fields) const { describe_it(fields, section); }
};

struct Field {
  std::string_view key;
  std::string_view help;
  const Check& check;
};

class Fields {
 public:
  virtual ~Fields() = default;

  template <class T>
  Fields& operator()(std::string_view key, T& value, std::string_view help,
                     const Check& check = {});

  // Requires a condition between keys: f.rule(o.low <= o.high, "low", "at most high"). Visitors
  // that only show values ignore it.
  Fields& rule(bool holds, std::string_view key, std::string_view required) {
    if (!holds) broken_rule(key, required);
    return *this;
  }

  // A given value sets the default of a later key: f.sets_default("task", "loss.type", [&] {
  // o.loss.choose(*o.task); }). If the later key is given too, it wins. Visitors that only show
  // values ignore the rule.
  Fields& sets_default(std::string_view key, std::string_view other,
                       const std::function<void()>& set) {
    default_set(key, other, set);
    return *this;
  }

 protected:
  virtual void field(const Field& field, ValueRef value) = 0;
  virtual void broken_rule(std::string_view /*key*/, std::string_view /*required*/) {}
  virtual void default_set(std::string_view /*key*/, std::string_view /*other*/,
                           const std::function<void()>& /*set*/) {}
};

template <class T>
concept Described = requires(Fields& f, T& value) {
  describe(f, value);
};

// The options of an entry that has none.
struct NoOptions {};
inline void describe(Fields&, NoOptions&) {}

template <class T>
ValueRef value_ref(T& value);

// Returns what is expected, for messages: "an integer", "a list of numbers", "a section", "one of
// a, b".
std::string expected_text(ValueRef value, const Check& check);
// Returns "; at most 1000000000 is allowed" for an integer above the limit of all counts, the same
// for a number that f32 does not hold, and else "".
std::string limit_of_type(ValueRef value, const Check& check);
// Returns the value on one line as YAML: 0.001, [1, 2], {match: ["*.bias"], weight_decay: 0}, null.
std::string value_text(ValueRef value);
// Returns a string as a YAML scalar: plain if a reader takes it back as this text, quoted
// otherwise.
std::string quoted_where_needed(std::string_view text);

// One row of the table that `weft list optimizer adamw` prints.
struct FieldRow {
  std::string key, expected, value, help;
};
std::vector<FieldRow> field_rows(SectionRef section);
std::vector<FieldRow> field_rows(const AnyRegistry& registry, std::string_view name);

// Throws one UserError that names `what` and lists every value that its check refuses:
//   adamw: lr: expected a number above 0, got -1
void validate(std::string_view what, SectionRef section);

// Copies the values of `shared` to the keys that `into` declares too; sections likewise. Other keys
// of both stay as they are. Throws UserError that names `what` and the key for a value of another
// type. An optional takes a plain value, and a number an integer.
void take_shared(std::string_view what, SectionRef into, SectionRef shared);

template <Described T>
SectionRef section_ref(T& value) {
  return {&value, [](Fields& f, void* section) { describe(f, *static_cast<T*>(section)); }};
}

namespace detail {
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <NamedEnum E>
EnumRef enum_ref(E& value) {
  return {&value, enum_names<E>,
          [](const void* v) { return static_cast<std::size_t>(*static_cast<const E*>(v)); },
          [](void* v, std::size_t index) { *static_cast<E*>(v) = static_cast<E>(index); }};
}

template <class L>
ListRef list_ref(L& list) {
  return {&list, [](void* l) { return static_cast<i64>(static_cast<L*>(l)->size()); },
          [](void* l, i64 size) { static_cast<L*>(l)->resize(static_cast<std::size_t>(size)); },
          [](void* l, i64 index) {
            return value_ref((*static_cast<L*>(l))[static_cast<std::size_t>(index)]);
          },
          [](const ValueFunction& use) {
            typename L::value_type element{};
            use(value_ref(element));
          }};
}

template <class M>
SectionRef map_ref(M& map) {
  return {&map,
          [](Fields& f, void* m) {
            for (auto& [key, value] : *static_cast<M*>(m)) f(key, value, "");
          },
          [](void* m, const std::string& key) { static_cast<M*>(m)->try_emplace(key); },
          [](const ValueFunction& use) {
            typename M::mapped_type value{};
            use(value_ref(value));
          }};
}

template <class O>
OptionalRef optional_ref(O& optional) {
  return {&optional,
          [](void* o) { return static_cast<O*>(o)->has_value(); },
          [](void* o) { static_cast<O*>(o)->reset(); },
          [](void* o) { return value_ref(static_cast<O*>(o)->emplace()); },
          [](void* o) { return value_ref(**static_cast<O*>(o)); },
          [](const ValueFunction& use) {
            typename O::value_type value{};
            use(value_ref(value));
          }};
}
}  // namespace detail

template <class T>
ValueRef value_ref(T& value) {
  static_assert(!std::is_enum_v<T> || NamedEnum<T>, "an enumeration needs names_of");
  if constexpr (detail::is_list<T>) return detail::list_ref(value);
  else if constexpr (detail::is_map<T>) return detail::map_ref(value);
  else if constexpr (detail::is_optional<T>) return detail::optional_ref(value);
  else if constexpr (std::is_base_of_v<AnyRecipe, T>) return static_cast<AnyRecipe*>(&value);
  else if constexpr (Described<T>) return section_ref(value);
  else if constexpr (NamedEnum<T>) return detail::enum_ref(value);
  else return ValueRef(std::in_place_type<T*>, &value);
}

template <class T>
Fields& Fields::operator()(std::string_view key, T& value, std::string_view help,
                           const Check& check) {
  field({key, help, check}, value_ref(value));
  return *this;
}

}  // namespace weft
