// SPDX-License-Identifier: Apache-2.0
// Properties of every registered entry.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "weft/core/registry.h"

namespace weft {
namespace {

TEST(RegisteredEntries, DescribeThemselvesWell) {
  for (const std::string& kind : registered_kinds())
    for (const std::string& name : registry_of(kind).names()) {
      SCOPED_TRACE(kind + " " + name);
      std::set<std::string> keys{"type"};  // read by the registry itself
      for (const FieldRow& row : field_rows(registry_of(kind), name)) {
        EXPECT_TRUE(keys.insert(row.key).second) << row.key << " is described twice";
        EXPECT_TRUE(std::all_of(row.key.begin(), row.key.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        })) << row.key;
      }
    }
}

class RefusedDefaults final : public Fields {
 private:
  void field(const Field& field, ValueRef value) override {
    if (field.check.required) return;
    std::visit(
        [&]<class T>(const T& given) {
          if constexpr (std::is_same_v<T, std::string*>) {
            EXPECT_TRUE(field.check.accepts(std::string_view(*given))) << field.key;
          } else if constexpr (std::is_same_v<T, double*> || std::is_same_v<T, i64*> ||
                               std::is_same_v<T, int*>) {
            EXPECT_TRUE(field.check.accepts(static_cast<double>(*given))) << field.key;
          }
        },
        value);
  }
};

TEST(RegisteredEntries, AcceptTheirOwnDefaults) {
  for (const std::string& kind : registered_kinds())
    for (const std::string& name : registry_of(kind).names()) {
      SCOPED_TRACE(kind + " " + name);
      RefusedDefaults fields;
      registry_of(kind).describe(name, fields);
    }
}

}  // namespace
}  // namespace weft
