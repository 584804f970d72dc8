// SPDX-License-Identifier: Apache-2.0
// Tests of ops with several launches and with scratch memory, on a stream that runs them late.
// Nothing may be read or reused before.
#include "weft/device/gpu/gpu.h"
#include "weft/kernels/batch_norm.h"
#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/embedding.h"
#include "weft/kernels/pointwise_loss.h"
#include "weft/kernels/reduce.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

TEST(CudaStream, OpsRunWhenTheStreamDoes) {
  Numbers numbers;
  const Array<half> x(40000, numbers);
  const Array<float> a(33 * 31, numbers), b(31 * 17, numbers);
  Array<i64> index(200);
  for (i64 i = 0; i < index.size(); ++i) index[i] = i % 7;
  Array<double> inv_std(5);
  for (i64 c = 0; c < 5; ++c) inv_std[c] = 1.0;
  const auto run = [&](Cuda device, Array<half>& sum, Array<half>& table, Array<float>& product,
                       Array<float>& loss, Array<half>& dgamma) {
    reduce_sum(device, sum.data(), x.data(), 1e-3, {1, 40000, 1});
    embedding_backward<half>(device, view(table, 7, 33), {x.data(), 200, 33}, index.data());
    matmul(device, product.data(), a.data(), b.data(), static_cast<const float*>(nullptr),
           Activation::relu, {1, 33, 17, 31});
    pointwise_loss_total<Mse, float>(device, loss.data(), {a.data(), 1000}, {a.data() + 1, 1000},
                                     0.0, 1.0);
    batch_norm_backward<half>(device, {.dgamma = dgamma.data()}, {x.data(), 300, 5},
                              {x.data() + 1, 300, 5}, nullptr,
                              {.mean = inv_std.data(), .inv_std = inv_std.data()}, {});
  };
  struct Results {
    Array<half> sum{1}, table{7 * 33};
    Array<float> product{33 * 17}, loss{1};
    Array<half> dgamma{5};
  };
  Results wanted, late;
  run(Cuda{}, wanted.sum, wanted.table, wanted.product, wanted.loss, wanted.dgamma);
  {
    const gpu::Stream stream;
    for (int twice = 0; twice < 2; ++twice)  // the second call gets the first one's scratch memory
      run(Cuda{stream.handle()}, late.sum, late.table, late.product, late.loss, late.dgamma);
#ifndef WEFT_REAL_DEVICE
    EXPECT_TRUE(std::isnan(late.loss[0])) << "it did not wait";
#endif
    gpu::synchronize(stream.handle());
  }
  expect_same_bytes(late.sum, wanted.sum);
  expect_same_bytes(late.table, wanted.table);
  expect_same_bytes(late.product, wanted.product);
  expect_same_bytes(late.loss, wanted.loss);
  expect_same_bytes(late.dgamma, wanted.dgamma);
}

}  // namespace
}  // namespace weft::kernels::test
