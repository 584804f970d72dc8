// SPDX-License-Identifier: Apache-2.0
// A learning-rate schedule of your own, registered from outside weft. A config then chooses it by
// name like weft's schedules. Its options are checked and documented, and it is listed with the
// others.
#include <weft/core/registry.h>
#include <weft/optim/schedule.h>

#include <cmath>
#include <cstdio>

using namespace weft;

namespace {

struct InverseSqrtOptions {
  i64 flat_steps = 100;
};

void describe(Fields& f, InverseSqrtOptions& o) {
  f("flat_steps", o.flat_steps, "steps at the full learning rate before it falls", positive);
}

class InverseSqrt : public optim::Schedule {
 public:
  explicit InverseSqrt(const InverseSqrtOptions& options) : options_(options) {}
  double lr_factor(i64 step) const override {
    const auto flat = static_cast<double>(options_.flat_steps);
    return std::sqrt(flat / std::fmax(flat, static_cast<double>(step)));
  }

 private:
  InverseSqrtOptions options_;
};

const bool registered =
    Registry<optim::Schedule>::add<InverseSqrt, InverseSqrtOptions>("inverse_sqrt");

}  // namespace

int main() try {
  for (const std::string& kind : registered_kinds()) {
    std::printf("%s:", kind.c_str());
    for (const std::string& name : registry_of(kind).names()) std::printf(" %s", name.c_str());
    std::printf("\n");
  }
  const auto recipe =
      optim::ScheduleRecipe::of("inverse_sqrt", InverseSqrtOptions{.flat_steps = 10});
  const auto schedule = recipe.make(optim::ScheduleSpan{.steps_per_epoch = 50, .total_steps = 500});
  for (const i64 step : {0, 10, 40, 90})
    std::printf("step %2lld: %.3f of the learning rate\n", static_cast<long long>(step),
                schedule->lr_factor(step));
  return registered ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
