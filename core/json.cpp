// SPDX-License-Identifier: Apache-2.0
#include "weft/core/json.h"

#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/printable.h"

namespace weft {
namespace {

// Builds the value from the parser's events, and stops it at the first problem.
template <class Json>
class JsonBuilder final : public nlohmann::json_sax<Json> {
 public:
  using Base = nlohmann::json_sax<Json>;

  explicit JsonBuilder(int max_depth) : max_depth_(max_depth) {}

  Json root;
  std::string problem;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(typename Base::number_integer_t value) override { return add(value); }
  bool number_unsigned(typename Base::number_unsigned_t value) override { return add(value); }
  bool number_float(typename Base::number_float_t value, const typename Base::string_t&) override {
    return add(value);
  }
  bool string(typename Base::string_t& value) override { return add(std::move(value)); }
  bool binary(typename Base::binary_t&) override { return false; }  // not in JSON texts

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(typename Base::string_t& name) override {
    Open& parent = open_.back();
    auto& object = *parent.container->template get_ptr<typename Json::object_t*>();
    if constexpr (std::is_same_v<Json, nlohmann::ordered_json>) {
      if (!parent.keys.insert(name).second) return twice(name);
      parent.slot = &object.emplace_back(name, nullptr).second;
    } else {
      const auto [place, added] = object.emplace(name, nullptr);
      if (!added) return twice(name);
      parent.slot = &place->second;
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception&) override {
    problem = fmt::format("is no JSON at byte {}, near '{}'", position,
                          excerpt(printable_line(last_token), 40));
    return false;
  }

 private:
  // A list or object whose end has not been parsed yet.
  struct Open {
    Json* container;
    Json* slot = nullptr;             // of an object: where the next value goes
    std::set<std::string> keys = {};  // of an ordered object, which has no index
  };

  Json* place(Json value) {
    if (open_.empty()) return &(root = std::move(value));
    const Open& parent = open_.back();
    if (parent.container->is_object()) return &(*parent.slot = std::move(value));
    parent.container->push_back(std::move(value));
    return &parent.container->back();
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      problem = fmt::format("nests {} levels; at most {} are allowed", max_depth_ + 1, max_depth_);
      return false;
    }
    open_.push_back({place(std::move(container))});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool twice(const std::string& name) {
    problem =
        fmt::format("has the key '{}' twice; each must come once", excerpt(printable_line(name)));
    return false;
  }

  int max_depth_;
  std::vector<Open> open_;
};

}  // namespace

template <class Json>
Json parse_json(std::string_view text, std::string_view what, int max_depth) {
  JsonBuilder<Json> builder(max_depth);
  if (!Json::sax_parse(text, &builder))
    throw JsonError(fmt::format("{} {}", printable(what), builder.problem));
  return std::move(builder.root);
}

template nlohmann::json parse_json(std::string_view, std::string_view, int);
template nlohmann::ordered_json parse_json(std::string_view, std::string_view, int);

}  // namespace weft
