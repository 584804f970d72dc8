// SPDX-License-Identifier: Apache-2.0
// An optimizer whose parameters are on the GPU.
#include <vector>

#include "weft/device/readback.h"
#include "weft/kernels/copy.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/tensor/device_value.h"
#include "weft/testing/compare.h"
#include "weft/tests/gpu/tools.h"

#ifndef WEFT_REAL_DEVICE
#include "weft/device/emulated/stream.h"
#endif

namespace weft {
namespace {

using testing::difference_in_bytes;

class GpuOptimizer : public testing_gpu::OnGpu {
 protected:
  static nn::Linear layer(const Device& device) {
    manual_seed(4);
    nn::Linear linear{5, 3};
    linear.to(device);
    return linear;
  }
  static void differentiate(nn::Linear& linear, optim::Optimizer& optimizer) {
    optimizer.zero_grad();
    const Device device = optimizer.parameters().values().device();
    sum(linear(Variable(Tensor::full({2, 5}, 0.5, DType::f32, device)))).backward();
  }
};

TEST_F(GpuOptimizer, ValuesAreSentAndReadBackInTheStreamsOrder) {
  struct Numbers {
    double rate;
    i64 count;
  };
  const DeviceValue<Numbers> value(cuda());
  const auto readback = make_readback(cuda(), sizeof(Numbers));
  value.send({0.5, 7});
  readback->start(value.get());
  value.send({0.25, 8});  // in stream order after the copy
  const auto& arrived = *static_cast<const Numbers*>(readback->wait());
  EXPECT_EQ(arrived.rate, 0.5);
  EXPECT_EQ(arrived.count, 7);
  readback->start(value.get());
  EXPECT_EQ(static_cast<const Numbers*>(readback->wait())->count, 8);
}

// The step uses the scalars on the device, even if the host has other values.
TEST_F(GpuOptimizer, DeviceStepReadsTheDevicesScalarsAndTheHostDoesNotWait) {
  nn::Linear linear = layer(cuda()), other = layer(cuda());
  optim::AdamW optimizer{linear.named_parameters(), {.lr = 1}};
  optim::AdamW reference{other.named_parameters(), {.lr = 0.01}};
  optim::DeviceStep& step = optimizer.device_step();
  const Cuda device = std::get<Cuda>(with_stream(cuda()));
  const DeviceValue<kernels::StepControl> numbers(device);
  numbers.send({.lr = 0.01, .momentum = 0.9, .applied = 5});
  const kernels::StepControl* const place = step.control();
  for (int k = 0; k < 3; ++k) {
    differentiate(linear, optimizer);
    differentiate(other, reference);
    step.prepare();
#ifndef WEFT_REAL_DEVICE
    const u64 waits = emulated::waits();
#endif
    kernels::copy(device, device, step.control(), numbers.get(), sizeof(kernels::StepControl));
    step.enqueue({.clip_norm = 0.1});
#ifndef WEFT_REAL_DEVICE
    EXPECT_EQ(emulated::waits(), waits);
#endif
    step.record(true, 0.01, 0.9);
    EXPECT_TRUE(reference.step({.clip_norm = 0.1}).applied);
  }
  EXPECT_EQ(step.control(), place);
  EXPECT_EQ(optimizer.applied_steps(), 3);
  EXPECT_EQ(optimizer.lr(), 0.01);
  EXPECT_EQ(difference_in_bytes(optimizer.parameters().values().to(Cpu{}),
                                reference.parameters().values().to(Cpu{})),
            "");
}

TEST_F(GpuOptimizer, AStepOfAModelThatWasMovedIsAnError) {
  nn::Linear linear = layer(Cpu{});
  optim::AdamW optimizer{linear.named_parameters(), {}};
  optimizer.step();
  linear.to(cuda());
  try {
    optimizer.step();
    ADD_FAILURE() << "the step changed a tensor that the model no longer has";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "optimizer: 'weight' was moved to cuda after the optimizer was built on cpu; an "
                 "optimizer built after the move is required");
  }
}

}  // namespace
}  // namespace weft
