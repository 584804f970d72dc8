// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"
#include "weft/optim/loss_scaler.h"
#include "weft/tests/support/message_of.h"

namespace weft::optim {
namespace {

TEST(LossScaler, starts_where_it_is_told_and_grows_after_the_interval) {
  LossScaler scaler({.init_scale = 8, .growth_interval = 3});
  for (const double scale : {8, 8, 16, 16, 16, 32}) {
    scaler.update(false);
    EXPECT_EQ(scaler.scale(), scale);
  }
  EXPECT_EQ(scaler.skipped(), 0);
}

TEST(LossScaler, an_overflow_halves_it_and_starts_the_count_again) {
  LossScaler scaler({.init_scale = 8, .growth_interval = 2});
  scaler.update(false);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 4);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 4);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 8);
  EXPECT_EQ(scaler.skipped(), 1);
}

// The rule, written out. The scale changes at an overflow, or after `interval` calm steps since its
// last change.
double by_hand(const LossScalerOptions& o, const std::vector<bool>& overflows) {
  double scale = o.init_scale;
  std::size_t changed = 0;
  for (std::size_t step = 1; step <= overflows.size(); ++step) {
    if (overflows[step - 1]) {
      scale = std::max(o.min_scale, scale * o.backoff_factor);
      changed = step;
    } else if (static_cast<i64>(step - changed) == o.growth_interval) {
      scale = std::min(o.max_scale, scale * o.growth_factor);
      changed = step;
    }
  }
  return scale;
}

// The test makes every sequence of overflows and calm steps up to length 12, with scales that reach
// floor and ceiling.
TEST(LossScaler, is_the_rule_by_hand_on_all_sequences_up_to_length_12) {
  for (const i64 interval : {1, 2, 3, 5}) {
    const LossScalerOptions options{
        .init_scale = 16, .growth_interval = interval, .min_scale = 1, .max_scale = 128};
    for (int length = 1; length <= 12; ++length) {
      for (unsigned bits = 0; bits < 1u << length; ++bits) {
        LossScaler scaler(options);
        std::vector<bool> overflows;
        bool exhausted = false;
        for (int step = 0; step < length && !exhausted; ++step) {
          const bool overflow = (bits >> step & 1) != 0;
          exhausted = overflow && by_hand(options, overflows) == options.min_scale;
          if (exhausted) {
            ASSERT_THROW(scaler.update(overflow), TrainingError);
          } else {
            scaler.update(overflow);
            overflows.push_back(overflow);
          }
        }
        ASSERT_EQ(scaler.scale(), by_hand(options, overflows)) << interval << ' ' << bits;
      }
    }
  }
}

TEST(LossScaler, has_the_scales_of_pytorchs_grad_scaler) {
  const auto golden =
      nlohmann::json::parse(std::ifstream(WEFT_SOURCE_ROOT "/tests/golden/loss_scaler.json"));
  for (const auto& one : golden["cases"]) {
    LossScaler scaler({.init_scale = one["first"],
                       .growth_factor = one["growth"],
                       .backoff_factor = one["backoff"],
                       .growth_interval = one["interval"],
                       .min_scale = 1e-30,  // GradScaler has no floor and no ceiling
                       .max_scale = 0x1p127});
    const std::string steps = one["steps"];
    for (std::size_t i = 0; i < steps.size(); ++i) {
      scaler.update(steps[i] == '1');
      const double scale = one["scales"][i];
      ASSERT_NEAR(scaler.scale() / scale, 1, 1e-5) << i;  // GradScaler's scale is a float
    }
  }
}

TEST(LossScaler, stops_the_run_when_the_smallest_scale_overflows) {
  LossScaler scaler({.init_scale = 2, .min_scale = 1});
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 1);
  try {
    scaler.update(true);
    FAIL();
  } catch (const TrainingError& error) {
    EXPECT_STREQ(
        error.what(),
        "a gradient is not finite at the smallest loss scale, 1 (precision.min_scale), after 1 "
        "skipped steps; try a lower learning rate, train.clip_norm, or precision: bf16");
  }
}

TEST(LossScaler, refuses_what_a_config_refuses) {
  const auto refusal = [](const LossScalerOptions& options) {
    return test_support::message_of([&] { LossScaler{options}; });
  };
  EXPECT_EQ(refusal({.init_scale = NAN})
                .find("LossScaler: init_scale: expected a number above 0, got nan"),
            0u);
  EXPECT_EQ(refusal({.init_scale = 0.5}), "LossScaler: init_scale: expected at least min_scale");
  EXPECT_EQ(refusal({.init_scale = 1e39, .max_scale = 1e39})
                .find("LossScaler: init_scale: expected a number above 0, got 1e+39; at most "
                      "3.402823e+38, the largest of f32, is allowed"),
            0u);
  EXPECT_EQ(refusal({}), "no error");
}

TEST(LossScaler, goes_on_from_its_state) {
  LossScaler scaler({.init_scale = 64, .growth_interval = 4});
  for (const bool overflow : {true, false, false, false}) scaler.update(overflow);
  LossScaler resumed({.init_scale = 64, .growth_interval = 4});
  load_state(resumed, save_state(scaler), "loss scaler");
  EXPECT_EQ(resumed.scale(), 32);
  EXPECT_EQ(resumed.skipped(), 1);
  resumed.update(false);
  EXPECT_EQ(resumed.scale(), 64);
}

}  // namespace
}  // namespace weft::optim
