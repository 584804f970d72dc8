// SPDX-License-Identifier: Apache-2.0
// Tensors on the GPU: moving, creating and reading them.
#include "weft/tensor/tensor.h"

#include <csignal>

#include "weft/device/allocator.h"
#include "weft/tensor/random.h"
#include "weft/testing/compare.h"
#include "weft/tests/gpu/tools.h"

#ifndef WEFT_REAL_DEVICE
#include "weft/device/emulated/stream.h"
#include "weft/kernels/copy.h"
#include "weft/tests/support/message_of.h"
#endif

namespace weft {
namespace {

using testing::difference_in_bytes;

class GpuTensor : public testing_gpu::OnGpu {
 protected:
  static Tensor numbers(const Shape& shape) {
    Tensor x = Tensor::empty(shape);
    Generator(5).uniform(x, -1, 1);
    return x;
  }
};

using test_support::message_of;

TEST_F(GpuTensor, GoesUpAndComesDown) {
  const Tensor x = numbers({3, 5}), copy = x.clone();
  const Tensor y = x.to(cuda());
  EXPECT_EQ(name_of(y.device()), "cuda");
  fill_with_zeros(x);  // the copy has the values at the time of the call
  EXPECT_EQ(difference_in_bytes(y.to(Cpu{}), copy), "");
  EXPECT_EQ(y.to_vector<float>(), copy.to_vector<float>());
  EXPECT_TRUE(y.to(cuda()).shares_storage_with(y));
  EXPECT_EQ(difference_in_bytes(y.clone().to(Cpu{}), copy), "");
  EXPECT_EQ(difference_in_bytes(y.slice(1, 3).to(Cpu{}), copy.slice(1, 3)), "");
  EXPECT_EQ(y.range(7, {}).item<float>(), copy.range(7, {}).item<float>());
  x.copy_from(y);
  EXPECT_EQ(difference_in_bytes(x, copy), "");
  y.slice(0, 1).copy_from(copy.slice(2, 3));
  EXPECT_EQ(difference_in_bytes(y.slice(0, 1).to(Cpu{}), copy.slice(2, 3)), "");
}

TEST_F(GpuTensor, EmptyOnesToo) {
  const Tensor none = Tensor::empty({0, 4}, DType::f32, cuda());
  EXPECT_TRUE(none.to_vector<float>().empty());
  EXPECT_EQ(none.to(Cpu{}).shape(), (Shape{0, 4}));
  none.fill(1);
  EXPECT_EQ(sum(none).item<float>(), 0.0f);
}

TEST_F(GpuTensor, FillsAndConvertsEveryType) {
  for (const DType from :
       {DType::f32, DType::f64, DType::f16, DType::bf16, DType::int64, DType::int32, DType::uint8})
    for (const DType to : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::int64,
                           DType::int32, DType::uint8}) {
      const Tensor x = Tensor::full({33}, 7, from, cuda());
      EXPECT_EQ(difference_in_bytes(x.to(to).to(Cpu{}), Tensor::full({33}, 7, to)), "")
          << name_of(from) << " to " << name_of(to);
    }
  EXPECT_EQ(Tensor::full({}, 3, DType::int64, cuda()).item<i64>(), 3);
  EXPECT_EQ(Tensor::zeros({}, DType::f64, cuda()).item<float>(), 0.0f);
}

TEST_F(GpuTensor, DrawsTheNumbersOfTheCpu) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor on_cpu = Tensor::empty({1025}, dtype),
                 on_gpu = Tensor::empty({1025}, dtype, cuda());
    Generator cpu(9), gpu(9);
    cpu.uniform(on_cpu, -1, 2);
    gpu.uniform(on_gpu, -1, 2);
    EXPECT_EQ(difference_in_bytes(on_gpu.to(Cpu{}), on_cpu), "");
    cpu.normal(on_cpu, 1, 2);
    gpu.normal(on_gpu, 1, 2);
    EXPECT_LT(testing_gpu::distance(on_gpu, on_cpu), 1e-6 * testing_gpu::norm(on_cpu));
    EXPECT_EQ(cpu.counter(), gpu.counter());
  }
}

TEST_F(GpuTensor, TheHostMayNotLookAtIt) {
  const Tensor x = Tensor::zeros({2}, DType::f32, cuda());
  EXPECT_EQ(message_of<Error>([&] { x.values<float>(); }),
            "Tensor::values: the tensor is on cuda; call to(Cpu{}) first");
}

TEST_F(GpuTensor, DevicesDoNotMix) {
  const Tensor x = Tensor::zeros({2}), y = Tensor::zeros({2}, DType::f32, cuda());
  const std::string required = " inputs on cpu and cuda; one device is required";
  EXPECT_EQ(message_of<Error>([&] { add(x, y); }), "add:" + required);
  const Tensor labels = Tensor::zeros({2}, DType::int64, cuda());
  EXPECT_EQ(message_of<Error>([&] {
              cross_entropy(Tensor::zeros({2, 3}), labels);
            }),
            "cross_entropy:" + required);
  EXPECT_EQ(message_of<Error>([&] {
              embedding(Tensor::zeros({2, 3}), labels);
            }),
            "embedding:" + required);
  const Tensor w = Tensor::zeros({3, 2}, DType::f32, cuda()), bias = Tensor::zeros({3});
  EXPECT_EQ(message_of<Error>([&] {
              linear(Tensor::zeros({4, 2}, DType::f32, cuda()), w, bias);
            }),
            "linear: bias is on cpu; cuda is required");
  Tensor product = Tensor::zeros({4, 2});
  EXPECT_EQ(message_of<Error>([&] {
              matmul(product, Tensor::zeros({4, 3}, DType::f32, cuda()), w);
            }),
            "matmul: the output is on cpu; cuda is required");
  Tensor on_cpu = x;
  EXPECT_EQ(message_of<Error>([&] { relu(on_cpu, y); }),
            "relu: the output is on cpu; cuda is required");
}

TEST_F(GpuTensor, CudaWithoutAStreamIsTheOneOfTensors) {
  const Tensor x = Tensor::zeros({2}, DType::f32, Cuda{});
  EXPECT_EQ(std::get<Cuda>(x.device()).stream, gpu::compute_stream());
  EXPECT_EQ(x.device(), cuda());
  EXPECT_FALSE(x.device() == Device{Cpu{}});
}

TEST_F(GpuTensor, MemoryIsUsedAgain) {
  const Device device = cuda();
  release_cached(device);
  const AllocatorCounters before = allocator_counters(device);
  for (int i = 0; i < 10; ++i) {
    const Tensor x = Tensor::zeros({1000}, DType::f32, device), y = relu(x);
    EXPECT_EQ(allocator_counters(device).bytes_in_use - before.bytes_in_use, 2 * 4096);
  }
  const AllocatorCounters after = allocator_counters(device);
  EXPECT_EQ(after.system_allocations - before.system_allocations, 2);
  EXPECT_EQ(after.allocations - before.allocations, 20);
  EXPECT_EQ(after.bytes_in_use, before.bytes_in_use);
}

#ifndef WEFT_REAL_DEVICE

TEST_F(GpuTensor, NothingIsComputedBeforeSomebodyLooks) {
  const Tensor x = Tensor::full({4}, 2, DType::f32, cuda());
  const u64 waits = emulated::waits();
  const Tensor y = mul(x, x);
  EXPECT_EQ(emulated::waits(), waits);
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>(4, 4.0f));
  EXPECT_EQ(emulated::waits(), waits + 1);
}

using GpuTensorDeathTest = GpuTensor;
TEST_F(GpuTensorDeathTest, AHostThatFollowsADevicePointerEnds) {
  const Tensor x = Tensor::zeros({2}, DType::f32, cuda());
  x.to_vector<float>();
#ifdef __SANITIZE_ADDRESS__  // it takes the signal, and reports it
  const ::testing::ExitedWithCode ended(1);
  const char* const report = "AddressSanitizer: SEGV on unknown address";
#else
  const ::testing::KilledBySignal ended(SIGSEGV);
  const char* const report = "";
#endif
  EXPECT_EXIT(std::exit(*x.data<volatile float>() > 1 ? 1 : 0), ended, report);
}

TEST_F(GpuTensor, AKernelIsGivenNoHostMemory) {
  float on_host = 0;
  const Cuda device = std::get<Cuda>(cuda());
  const std::string error = message_of<Error>([&] {
    kernels::fill<float>(device, {&on_host, 1}, 1);
  });
  EXPECT_NE(error.find("was given host memory at copy_cuda.cu:"), std::string::npos) << error;
}

#endif

}  // namespace
}  // namespace weft
