// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/sources.h"
#include "weft/tests/support/message_of.h"

namespace weft::data {
namespace {

using test_support::message_of;

i64 made_sample(i64 i, std::span<float> x) {
  x[0] = static_cast<float>(i);
  x[1] = static_cast<float>(-i);
  return i % 3;
}

TEST(MadeSamples, AreThoseOfTheFunction) {
  const TrainAndTest both = labelled_samples(
      {.name = "made", .sample = {1, 2}, .classes = 3, .train = 4, .test = 2}, made_sample);
  ASSERT_EQ(both.train->size(), 4);
  ASSERT_EQ(both.test->size(), 2);
  EXPECT_EQ(both.train->info().name, "made");
  EXPECT_EQ(both.train->info().split, "train");
  EXPECT_EQ(both.test->info().split, "test");
  EXPECT_EQ(both.test->info().sample, (Shape{1, 2}));
  EXPECT_EQ(both.test->info().classes, 3);
  std::vector<float> x(2);
  i64 label = -1;
  both.train->read(1, x.data(), &label);
  EXPECT_EQ(x, (std::vector<float>{1, -1}));
  EXPECT_EQ(label, 1);
  both.test->read(1, x.data(), &label);  // after those of training
  EXPECT_EQ(x, (std::vector<float>{5, -5}));
  EXPECT_EQ(label, 2);
}

TEST(MadeSamples, HaveATestSetOnlyIfOneIsGiven) {
  EXPECT_EQ(labelled_samples({.sample = {2}, .classes = 3, .train = 3}, made_sample).test, nullptr);
}

TEST(MadeSamples, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(message_of([] { labelled_samples({.sample = {2}, .train = 0}, made_sample); }),
            "labelled_samples: 0 training and 0 test samples given; at least 1 and 0 are required");
  EXPECT_NE(message_of([] {
              labelled_samples({.sample = {2}, .classes = 2, .train = 3}, made_sample);
            }).find("label"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::data
