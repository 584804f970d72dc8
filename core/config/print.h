// SPDX-License-Identifier: Apache-2.0
// Struct -> YAML, through the same describe that reads it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/core/config/reader.h"

namespace weft::config {

// Every key with its value, defaults too, but not what a check leaves unprinted: reading it back gives an
// equal struct. With `origins`, each line ends with where its value came from ("# configs/a.yaml:3:5",
// "# default").
std::string to_yaml(SectionRef section, const Origins* origins = nullptr);

// Every key with its default, what is expected and what it means; for a choice by name, the keys of
// each entry, those not chosen as comments. The documentation that `weft config --schema` prints.
std::string schema(SectionRef section);

// Path -> value on one line, for each value that is not a section: "optimizer.lr" -> "0.001".
std::map<std::string, std::string> flatten(SectionRef section);

struct Difference {
  std::string path, before, after;  // "" where there is no such key
};
// Sorted by path.
std::vector<Difference> differences(SectionRef before, SectionRef after);

}  // namespace weft::config
