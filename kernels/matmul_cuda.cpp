// SPDX-License-Identifier: Apache-2.0
// Matrix products by cuBLASLt.
#include <map>
#include <mutex>
#include <tuple>

#include <cublasLt.h>

#include "weft/core/error.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/matmul.h"
#include "weft/kernels/matmul_layout.h"
#include "weft/kernels/product_types.h"
#include "weft/kernels/scratch.h"

namespace weft::kernels {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // what Hopper's kernels may want

void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw InternalError(fmt::format("matmul: {} of cuBLASLt gave {}; success is required", call,
                                    cublasLtGetStatusString(status)));
}

// Thread-safe by cuBLASLt's word, and never destroyed: the driver may be gone before static objects.
cublasLtHandle_t handle() {
  static const cublasLtHandle_t shared = [] {
    cublasLtHandle_t created = nullptr;
    check(cublasLtCreate(&created), "cublasLtCreate");
    return created;
  }();
  return shared;
}

// Floats are multiplied as floats: TF32 would not give the CPU's losses.
template <class T>
struct Types {
  static constexpr cudaDataType_t kData =
      std::is_same_v<T, double>
          ? CUDA_R_64F
          : (std::is_same_v<T, float> ? CUDA_R_32F
                                      : (std::is_same_v<T, half> ? CUDA_R_16F : CUDA_R_16BF));
  static constexpr cublasComputeType_t kCompute =
      std::is_same_v<T, double> ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F;
  static constexpr cudaDataType_t kScale = std::is_same_v<T, double> ? CUDA_R_64F : CUDA_R_32F;
};

template <class Value>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t name, const Value& value) {
  check(cublasLtMatmulDescSetAttribute(operation, name, &value, sizeof value), "set attribute");
}
template <class Value>
void set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t name, const Value& value) {
  check(cublasLtMatrixLayoutSetAttribute(layout, name, &value, sizeof value), "set layout");
}
template <class Value>
void set(cublasLtMatmulPreference_t wish, cublasLtMatmulPreferenceAttributes_t name,
         const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(wish, name, &value, sizeof value), "set preference");
}

// Descriptors without memory of their own.
struct Matrix {
  Matrix(cudaDataType_t type, const ColumnMajor& m, i64 batch) {
    check(cublasLtMatrixLayoutInit(&memory, type, static_cast<std::uint64_t>(m.rows),
                                   static_cast<std::uint64_t>(m.cols), m.leading),
          "cublasLtMatrixLayoutInit");
    if (batch == 1) return;
    set(&memory, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(batch));
    set(&memory, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, static_cast<std::int64_t>(m.stride));
  }
  cublasLtMatrixLayoutOpaque_t memory{};
};

// What the choice of an algorithm depends on.
using Key = std::tuple<int, i64, i64, i64, i64, bool, bool, int, i64, i64, i64, i64>;
struct Choice {
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace_bytes = 0;
};

struct Problem {
  cublasLtMatmulDescOpaque_t operation{};
  Matrix first, second, result;
};

Choice ask(Problem& p, const Key& key) {
  cublasLtMatmulPreferenceOpaque_t wish{};
  check(cublasLtMatmulPreferenceInit(&wish), "cublasLtMatmulPreferenceInit");
  set(&wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes);
  const auto alignment = [&](cublasLtMatmulPreferenceAttributes_t name, i64 bytes) {
    set(&wish, name, static_cast<std::uint32_t>(bytes));
  };
  alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::get<8>(key));
  alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, std::get<9>(key));
  alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, std::get<10>(key));
  alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::get<10>(key));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  check(
      cublasLtMatmulAlgoGetHeuristic(handle(), &p.operation, &p.first.memory, &p.second.memory,
                                     &p.result.memory, &p.result.memory, &wish, 1, &found, &count),
      "cublasLtMatmulAlgoGetHeuristic");
  if (count == 0)
    throw InternalError(fmt::format(
        "matmul: cuBLASLt has no algorithm for m {}, n {}, k {}, batch {}; one is required",
        std::get<1>(key), std::get<2>(key), std::get<3>(key), std::get<4>(key)));
  return {found.algo, found.workspaceSize};
}

// Asking takes about as long as a small product: each shape is asked for once.
Choice choice_for(Problem& p, const Key& key) {
  static std::mutex mutex;
  static auto* choices = new std::map<Key, Choice>;
  const std::lock_guard lock(mutex);
  const auto [place, is_new] = choices->try_emplace(key);
  if (is_new) {
    try {
      place->second = ask(p, key);
    } catch (...) {
      choices->erase(place);
      throw;
    }
  }
  return place->second;
}

template <class T, class C>
void library_matmul(Cuda device, C* c, const T* a, const T* b, const C* bias, Epilogue epilogue,
                    const MatmulShape& s) {
  using Scale = Compute<T>;
  const MatmulLayout layout = layout_of(s);
  Problem p{{},
            Matrix(Types<T>::kData, layout.first, s.batch),
            Matrix(Types<T>::kData, layout.second, s.batch),
            Matrix(Types<C>::kData, layout.result, s.batch)};
  check(cublasLtMatmulDescInit(&p.operation, Types<T>::kCompute, Types<T>::kScale),
        "cublasLtMatmulDescInit");
  const auto operation = [](const ColumnMajor& m) {
    return m.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  set(&p.operation, CUBLASLT_MATMUL_DESC_TRANSA, operation(layout.first));
  set(&p.operation, CUBLASLT_MATMUL_DESC_TRANSB, operation(layout.second));
  if (epilogue == Epilogue::bias) {
    set(&p.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(&p.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(bias));
  }
  const Key key{static_cast<int>(Types<T>::kData) << 8 | static_cast<int>(Types<C>::kData),
                s.m,
                s.n,
                s.k,
                s.batch,
                s.transpose_a,
                s.transpose_b,
                static_cast<int>(epilogue),
                alignment_of(b),
                alignment_of(a),
                alignment_of(c),
                alignment_of(bias)};
  const Choice choice = choice_for(p, key);
  const Scratch<u8> workspace(device, static_cast<i64>(choice.workspace_bytes));
  const Scale one = 1, nothing = 0;
  check(cublasLtMatmul(handle(), &p.operation, &one, b, &p.first.memory, a, &p.second.memory,
                       &nothing, c, &p.result.memory, c, &p.result.memory, &choice.algorithm,
                       workspace.data(), choice.workspace_bytes, device.stream),
        "cublasLtMatmul");
}

}  // namespace

template <class T, class C>
void matmul(Cuda device, C* c, const T* a, const T* b, const C* bias, Activation activation,
            const MatmulShape& s) {
  const i64 rows = s.batch * s.m;
  if (rows * s.n == 0) return;
  if (s.k == 0) {
    zero(device, c, rows * s.n * static_cast<i64>(sizeof(C)));
    return add_bias_and_activate(device, c, bias, activation, rows, s.n);
  }
  // Epilogues in double, and with a bias that is not aligned, are not promised.
  const bool fuses = !std::is_same_v<T, double> && alignment_of(bias) >= 16;
  const Epilogue epilogue = fuses ? epilogue_of(bias != nullptr, activation) : Epilogue::none;
  library_matmul(device, c, a, b, bias, epilogue, s);
  if (epilogue == Epilogue::none) add_bias_and_activate(device, c, bias, activation, rows, s.n);
}

#define WEFT_MATMUL(T, C) \
  template void matmul(Cuda, C*, const T*, const T*, const C*, Activation, const MatmulShape&);
WEFT_CUDA_PRODUCT_TYPES(WEFT_MATMUL)

}  // namespace weft::kernels
