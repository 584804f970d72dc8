// SPDX-License-Identifier: Apache-2.0
// Errors. The library throws, and never prints or exits.
//
// A message is one sentence of the form "op: what was given; what is required", for example
//   matmul: a is (32, 784) and b is (512, 10); the columns of a (784) must equal the rows of b
//   (512)
#pragma once
#include <stdexcept>
#include <string>

#include <fmt/core.h>

namespace weft {

// Base of everything weft throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // Exit code of the `weft` command for this error.
  virtual int exit_code() const noexcept = 0;
};

// The caller's mistake: a wrong shape, a bad file, an unknown name. Exit code 2.
class UserError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 2; }
};

// A fault of ours, or of the machine. Exit code 1.
class InternalError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 1; }
};

// Training failed: a loss that is not finite, a run that diverged. Exit code 3.
class TrainingError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 3; }
};

// Throw with a formatted message; out of line, so that a check costs one branch at its call site.
[[noreturn]] void throw_user_error(fmt::string_view format, fmt::format_args args);
[[noreturn]] void throw_internal_error(const char* condition, const char* file, int line,
                                       fmt::string_view format, fmt::format_args args);

template <class... A>
[[noreturn]] void fail(fmt::format_string<A...> format, A&&... args) {
  throw_user_error(format, fmt::make_format_args(args...));
}

}  // namespace weft

// The caller's fault:
//   WEFT_CHECK(rows > 0, "softmax: x has {} rows; at least one is required", rows);
#define WEFT_CHECK(condition, ...) \
  do {                             \
    if (!(condition)) [[unlikely]] \
      ::weft::fail(__VA_ARGS__);   \
  } while (false)

// Our fault: a broken invariant. The message carries the condition and the place.
#define WEFT_ASSERT(condition, ...)                                               \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::weft::detail::fail_internal(#condition, __FILE__, __LINE__, __VA_ARGS__); \
  } while (false)

namespace weft::detail {
template <class... A>
[[noreturn]] void fail_internal(const char* condition, const char* file, int line,
                                fmt::format_string<A...> format, A&&... args) {
  throw_internal_error(condition, file, line, format, fmt::make_format_args(args...));
}
}  // namespace weft::detail
