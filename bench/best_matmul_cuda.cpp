// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <limits>
#include <memory>
#include <vector>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "weft/bench/best_matmul.h"
#include "weft/core/error.h"

namespace {
using namespace weft;

constexpr int kAsked = 64;  // the most algorithms that are timed
constexpr std::size_t kWorkspaceBytes = std::size_t{64} << 20;

void check(cublasStatus_t status) {
  WEFT_CHECK(status == CUBLAS_STATUS_SUCCESS, "best_matmul: cuBLASLt gave {}",
             cublasLtGetStatusString(status));
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return CUDA_R_32F;
    case DType::f16: return CUDA_R_16F;
    case DType::bf16: return CUDA_R_16BF;
    default: fail("best_matmul: {} given; f32, f16 or bf16 is required", dtype);
  }
}

// One product. Column-major cuBLASLt computes cᵀ = bᵀ·aᵀ.
struct Call {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t first = nullptr, second = nullptr, result = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
  void* workspace = nullptr;
  void *a, *b, *c;
  StreamHandle stream;

  cublasStatus_t operator()() const {
    const float one = 1, nothing = 0;
    return cublasLtMatmul(handle, operation, &one, b, first, a, second, &nothing, c, result, c,
                          result, &algorithm, workspace, kWorkspaceBytes, stream);
  }
};

double seconds_of(const Call& call) {
  cudaStreamSynchronize(call.stream);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i)
    if (call() != CUBLAS_STATUS_SUCCESS) return std::numeric_limits<double>::infinity();
  cudaStreamSynchronize(call.stream);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

// The handles are never freed, because this is a benchmark.
std::function<void()> best_matmul(Tensor& c, const Tensor& a, const Tensor& b) {
  if (!std::holds_alternative<Cuda>(a.device())) return {};
  const auto m = static_cast<std::uint64_t>(a.size(0)), k = static_cast<std::uint64_t>(a.size(1)),
             n = static_cast<std::uint64_t>(b.size(1));
  auto call = std::make_shared<Call>();
  call->a = a.raw(), call->b = b.raw(), call->c = c.raw();
  call->stream = std::get<Cuda>(a.device()).stream;
  check(cublasLtCreate(&call->handle));
  check(cublasLtMatmulDescCreate(&call->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  const auto layout = [](DType dtype, std::uint64_t rows, std::uint64_t cols) {
    cublasLtMatrixLayout_t made = nullptr;
    check(cublasLtMatrixLayoutCreate(&made, type_of(dtype), rows, cols, static_cast<i64>(rows)));
    return made;
  };
  call->first = layout(b.dtype(), n, k);
  call->second = layout(a.dtype(), k, m);
  call->result = layout(c.dtype(), n, m);
  WEFT_CHECK(cudaMalloc(&call->workspace, kWorkspaceBytes) == cudaSuccess,
             "best_matmul: no memory for a workspace");

  cublasLtMatmulPreference_t wish = nullptr;
  check(cublasLtMatmulPreferenceCreate(&wish));
  check(cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &kWorkspaceBytes, sizeof kWorkspaceBytes));
  std::vector<cublasLtMatmulHeuristicResult_t> found(kAsked);
  int count = 0;
  check(cublasLtMatmulAlgoGetHeuristic(call->handle, call->operation, call->first, call->second,
                                       call->result, call->result, wish, kAsked, found.data(),
                                       &count));
  double best = std::numeric_limits<double>::infinity();
  cublasLtMatmulAlgo_t fastest{};
  for (int i = 0; i < count; ++i) {
    call->algorithm = found[static_cast<std::size_t>(i)].algo;
    if ((*call)() != CUBLAS_STATUS_SUCCESS) continue;  // this call also warms up
    if (const double seconds = seconds_of(*call); seconds < best) {
      best = seconds;
      fastest = call->algorithm;
    }
  }
  WEFT_CHECK(count > 0 && best < 1e9, "best_matmul: cuBLASLt named no algorithm that runs");
  call->algorithm = fastest;
  return [call] { check((*call)()); };
}
