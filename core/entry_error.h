// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>

#include "weft/core/error.h"

namespace weft {

// A std::exception, and no error of weft, that the constructor of a plugin's entry has thrown
// (Recipe::make). Its message names the entry and the plugin.
class EntryError : public UserError {
 public:
  EntryError(const std::string& message, std::string reason)
      : UserError(message), reason_(std::move(reason)) {}
  const std::string& reason() const { return reason_; }  // what() of the exception

 private:
  std::string reason_;
};

}  // namespace weft
