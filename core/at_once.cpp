// SPDX-License-Identifier: Apache-2.0
#include "weft/core/at_once.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace weft {

void at_once(std::size_t count, const std::function<void(std::size_t i)>& work) {
  constexpr std::size_t kMost = 4;  // a checkpoint has few large files
  std::vector<std::exception_ptr> errors(count);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  // The numbers are given out in their order, and each that was given out runs. So all below one
  // that throws run too.
  const auto take_some = [&] {
    while (!failed) {
      const std::size_t i = next++;
      if (i >= count) break;
      try {
        work(i);
      } catch (...) {
        errors[i] = std::current_exception();
        failed = true;
      }
    }
  };
  {
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> others;
    try {
      while (others.size() + 1 < std::min({count, cores, kMost})) others.emplace_back(take_some);
    } catch (const std::system_error&) {  // no further thread; those that are there do the work
    }
    take_some();
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace weft
