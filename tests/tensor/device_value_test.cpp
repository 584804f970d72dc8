// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/device_value.h"

#include <gtest/gtest.h>

#include "weft/device/readback.h"

namespace weft {
namespace {

struct Numbers {
  double rate = 0;
  i64 count = 0;
  bool done = false;
};

TEST(DeviceValue, OfTheCpuIsWhatWasSent) {
  const DeviceValue<Numbers> value{Cpu{}};
  Numbers* const place = value.get();
  Numbers numbers{0.5, 7, true};
  value.send(numbers);
  numbers.count = 8;
  EXPECT_EQ(place->rate, 0.5);
  EXPECT_EQ(place->count, 7);
  EXPECT_TRUE(place->done);
  value.send(numbers);
  EXPECT_EQ(value.get(), place) << "its address never changes";
  EXPECT_EQ(place->count, 8);
}

TEST(Readback, OfTheCpuHasTheBytesAsTheyWereAtItsStart) {
  const auto readback = make_readback(Device{Cpu{}}, sizeof(Numbers));
  Numbers numbers{0.5, 7, true};
  readback->start(&numbers);
  numbers.count = 8;
  const auto& arrived = *static_cast<const Numbers*>(readback->wait());
  EXPECT_EQ(arrived.rate, 0.5);
  EXPECT_EQ(arrived.count, 7);
  readback->start(&numbers);
  EXPECT_EQ(static_cast<const Numbers*>(readback->wait())->count, 8);
}

}  // namespace
}  // namespace weft
