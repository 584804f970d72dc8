// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/take_part.h"

#include <string>

#include "weft/core/error.h"

namespace weft::dist {

void take_part(Store& store, std::chrono::milliseconds silence, const char* operation,
               const std::function<void()>& run) {
  store.check_aside();
  const std::string before = store.operation(operation);
  try {
    run();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    store.wait_for_the_end(silence + silence / 2);
    store.check_aside();
    const std::string why = fmt::format("{} has not ended ({})", operation, error.what());
    store.fail_job(why);
    throw InternalError("dist: " + why +
                        "; all ranks are required to take part in it within dist.timeout");
  }
  store.operation(before);
}

}  // namespace weft::dist
