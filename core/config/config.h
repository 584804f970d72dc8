// SPDX-License-Identifier: Apache-2.0
// Loading a typed config:
//
//   auto [run, origins] = config::load<RunConfig>("configs/mnist_cnn.yaml", {"train.epochs=3"});
//
// A file is composed from its defaults (compose.h), the options of the command line are applied
// (overrides.h), ${env:NAME} is replaced (interpolate.h), and the tree is read into the struct
// (reader.h) through its describe (core/fields.h). Scalars are typed by weft's own rules
// (scalar.h).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/fields.h"
#include "weft/core/config/node.h"
#include "weft/core/config/print.h"
#include "weft/core/config/reader.h"

namespace weft::config {

// Holds all problems of a config, one line per problem, in the order of the places:
//   configs/a.yaml:4:12: optimizer.learning: expected a key of optimizer 'adamw' (type, lr), got …
class ConfigError : public UserError {
 public:
  explicit ConfigError(std::vector<Problem> problems);
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  std::vector<Problem> problems_;
};

template <class T>
struct Loaded {
  T value;
  Origins origins;
};

// Is called with the whole tree of a config before it is read into a struct, when entries can still
// be registered. `used` names the files. `problems` has those of files and options, and only they
// are reported if the function returns false.
using BeforeRead =
    std::function<bool(const Node& root, const Usage& used, const std::vector<Problem>& problems)>;

void load_into(SectionRef into, Origins& origins, const std::string& path,
               const std::vector<std::string>& overrides, const BeforeRead& before_read);
void load_text_into(SectionRef into, Origins& origins, std::string_view yaml,
                    const std::string& name, const std::vector<std::string>& overrides,
                    const BeforeRead& before_read);

// Throws ConfigError.
template <Described T>
Loaded<T> load(const std::string& path, const std::vector<std::string>& overrides = {},
               const BeforeRead& before_read = {}) {
  Loaded<T> loaded;
  load_into(section_ref(loaded.value), loaded.origins, path, overrides, before_read);
  return loaded;
}

// Loads a config from a text. `name` stands for the file in messages, and defaults are looked up
// from its folder.
template <Described T>
Loaded<T> load_text(std::string_view yaml, const std::string& name,
                    const std::vector<std::string>& overrides = {},
                    const BeforeRead& before_read = {}) {
  Loaded<T> loaded;
  load_text_into(section_ref(loaded.value), loaded.origins, yaml, name, overrides, before_read);
  return loaded;
}

// Returns the resolved config as YAML, which reads back equal.
template <Described T>
std::string to_yaml(T value) {
  return to_yaml(section_ref(value));
}
template <Described T>
std::string to_yaml(Loaded<T> loaded) {  // … with where each value came from
  return to_yaml(section_ref(loaded.value), &loaded.origins);
}

template <Described T>
std::string schema() {
  T defaults;
  return schema(section_ref(defaults));
}

template <Described T>
std::vector<Difference> differences(T before, T after) {
  return differences(section_ref(before), section_ref(after));
}

}  // namespace weft::config
