// SPDX-License-Identifier: Apache-2.0
// Prints a struct as YAML, through the same describe function that reads it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/core/config/reader.h"

namespace weft::config {

// Prints every key with its value, including defaults, except the keys that a check leaves
// unprinted. Reading the result back gives an equal struct. With `origins`, each line ends with the
// place that its value came from ("# configs/a.yaml:3:5", "# default").
std::string to_yaml(SectionRef section, const Origins* origins = nullptr);

// Prints every key with its default, its expected values and its meaning. For a choice by name it
// prints the keys of each entry; those of entries that are not chosen are comments. `weft config
// --schema` prints this documentation.
std::string schema(SectionRef section);

// Maps each path to its value on one line, for values that are not sections: "optimizer.lr" ->
// "0.001".
std::map<std::string, std::string> flatten(SectionRef section);

struct Difference {
  std::string path, before, after;  // "" if there is no such key
};
// The result is sorted by path.
std::vector<Difference> differences(SectionRef before, SectionRef after);

}  // namespace weft::config
