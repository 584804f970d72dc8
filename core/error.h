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

// The base class of all errors that weft throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // Returns the exit code of the `weft` command for this error.
  virtual int exit_code() const noexcept = 0;
};

// The caller's mistake: a wrong shape, a bad file, an unknown name. Exit code 2.
class UserError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 2; }
};

// A fault of weft or of the machine. Exit code 1.
class InternalError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 1; }
};

// Training failed, for example with a loss that is not finite or a run that diverged. Exit code 3.
class TrainingError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 3; }
};

// These functions throw with a formatted message. They are out of line, so that a check costs one
// branch at its call site.
[[noreturn]] void throw_user_error(fmt::string_view format, fmt::format_args args);
[[noreturn]] void throw_internal_error(const char* condition, const char* file, int line,
                                       fmt::string_view format, fmt::format_args args);

template <class... A>
[[noreturn]] void fail(fmt::format_string<A...> format, A&&... args) {
  throw_user_error(format, fmt::make_format_args(args...));
}

}  // namespace weft

// Checks a condition that the caller must meet:
//   WEFT_CHECK(rows > 0, "softmax: x has {} rows; at least one is required", rows);
#define WEFT_CHECK(condition, ...) \
  do {                             \
    if (!(condition)) [[unlikely]] \
      ::weft::fail(__VA_ARGS__);   \
  } while (false)

// Checks an invariant of weft. The message contains the condition and the place.
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
