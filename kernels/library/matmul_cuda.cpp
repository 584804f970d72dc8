// SPDX-License-Identifier: Apache-2.0
// Matrix products by cuBLASLt: all calls of it. matmul_description.h decides what they ask for.
#include <cstring>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "weft/core/error.h"
#include "weft/kernels/library/matmul_description.h"
#include "weft/kernels/library/matmul_tuning.h"
#include "weft/kernels/library/product_types.h"
#include "weft/kernels/library/tf32.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw InternalError(fmt::format("matmul: {} of cuBLASLt gave {}; success is required", call,
                                    cublasLtGetStatusString(status)));
}

// The handle is shared, because cuBLASLt documents it as thread-safe. It is never destroyed,
// because the driver may shut down before static objects are destroyed.
cublasLtHandle_t handle() {
  static const cublasLtHandle_t shared = [] {
    cublasLtHandle_t created = nullptr;
    check(cublasLtCreate(&created), "cublasLtCreate");
    return created;
  }();
  return shared;
}

cudaDataType_t data_type(Element type) {
  switch (type) {
    case Element::f16: return CUDA_R_16F;
    case Element::bf16: return CUDA_R_16BF;
    case Element::f32: return CUDA_R_32F;
    case Element::f64: return CUDA_R_64F;
  }
  return CUDA_R_32F;
}
cublasComputeType_t compute_type(ComputeIn compute) {
  switch (compute) {
    case ComputeIn::f32: return CUBLAS_COMPUTE_32F;
    case ComputeIn::tf32: return CUBLAS_COMPUTE_32F_FAST_TF32;
    case ComputeIn::f64: return CUBLAS_COMPUTE_64F;
  }
  return CUBLAS_COMPUTE_32F;
}

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

// The layout of a matrix. The opaque struct needs no allocation.
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

i64 library_version() { return static_cast<i64>(cublasLtGetVersion()); }

// A code of the architecture and the number of multiprocessors: 90'132 for an H100.
i64 gpu_make() {
  static const i64 make = [] {
    const auto attribute = [](cudaDeviceAttr name) {
      int value = 0;
      return cudaDeviceGetAttribute(&value, name, 0) == cudaSuccess ? i64{value} : 0;
    };
    return (attribute(cudaDevAttrComputeCapabilityMajor) * 10 +
            attribute(cudaDevAttrComputeCapabilityMinor)) *
               1000 +
           attribute(cudaDevAttrMultiProcessorCount);
  }();
  return make;
}

static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof(MatmulChoice::algorithm));
// cuBLASLt documents that an algorithm may be stored as bytes and restored in the same version.
cublasLtMatmulAlgo_t algorithm_of(const MatmulChoice& choice) {
  cublasLtMatmulAlgo_t algorithm{};
  std::memcpy(&algorithm, choice.algorithm.data(), sizeof algorithm);
  return algorithm;
}
MatmulChoice choice_of(const cublasLtMatmulHeuristicResult_t& found) {
  MatmulChoice choice{.workspace_bytes = static_cast<i64>(found.workspaceSize)};
  std::memcpy(choice.algorithm.data(), &found.algo, sizeof found.algo);
  return choice;
}

// One product with its cuBLASLt descriptors.
template <class T, class C>
class Call {
 public:
  Call(Cuda device, const MatmulRequest<T, C>& request)
      : device_(device),
        request_(request),
        description_(checked(describe(request, allow_tf32))),
        first_(data_type(types().operands), layout().first, layout().batch),
        second_(data_type(types().operands), layout().second, layout().batch),
        result_(data_type(types().result), layout().result, layout().batch) {
    check(cublasLtMatmulDescInit(&operation_, compute_type(types().compute),
                                 data_type(types().scale)),
          "cublasLtMatmulDescInit");
    const auto operation = [](const ColumnMajor& m) {
      return m.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    };
    set(&operation_, CUBLASLT_MATMUL_DESC_TRANSA, operation(layout().first));
    set(&operation_, CUBLASLT_MATMUL_DESC_TRANSB, operation(layout().second));
    if (description_.epilogue == Epilogue::bias) {
      set(&operation_, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      set(&operation_, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
          static_cast<std::int32_t>(data_type(types().bias)));
      set(&operation_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(request.bias));
    }
  }

  MatmulProduct product() const {
    const i64 codes = (types().compute == ComputeIn::tf32 ? 1 << 16 : 0) |
                      static_cast<int>(data_type(types().operands)) << 8 |
                      static_cast<int>(data_type(types().result));
    return product_of(request_, library_version(), gpu_make(), codes);
  }

  // The heuristic takes about as long as a small product, so its result is kept as a plan.
  std::vector<MatmulChoice> guesses(int most) {
    cublasLtMatmulPreferenceOpaque_t wish{};
    check(cublasLtMatmulPreferenceInit(&wish), "cublasLtMatmulPreferenceInit");
    set(&wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
        static_cast<std::uint64_t>(kWorkspaceBytes));
    const auto alignment = [&](cublasLtMatmulPreferenceAttributes_t name, i64 bytes) {
      set(&wish, name, static_cast<std::uint32_t>(bytes));
    };
    alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, description_.alignment.first);
    alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, description_.alignment.second);
    alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, description_.alignment.result);
    alignment(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, description_.alignment.result);
    std::vector<cublasLtMatmulHeuristicResult_t> found(static_cast<std::size_t>(most));
    int count = 0;
    check(cublasLtMatmulAlgoGetHeuristic(handle(), &operation_, &first_.memory, &second_.memory,
                                         &result_.memory, &result_.memory, &wish, most,
                                         found.data(), &count),
          "cublasLtMatmulAlgoGetHeuristic");
    std::vector<MatmulChoice> all;
    for (int i = 0; i < count; ++i) {
      const auto& one = found[static_cast<std::size_t>(i)];
      if (one.state == CUBLAS_STATUS_SUCCESS) all.push_back(choice_of(one));
    }
    const MatmulShape& s = request_.shape;
    if (all.empty())
      throw InternalError(fmt::format(
          "matmul: cuBLASLt has no algorithm for m {}, n {}, k {}, batch {}; one is required", s.m,
          s.n, s.k, s.batch));
    return all;
  }

  bool takes(const MatmulChoice& choice) {
    const cublasLtMatmulAlgo_t algorithm = algorithm_of(choice);
    cublasLtMatmulHeuristicResult_t result{};
    return cublasLtMatmulAlgoCheck(handle(), &operation_, &first_.memory, &second_.memory,
                                   &result_.memory, &result_.memory, &algorithm,
                                   &result) == CUBLAS_STATUS_SUCCESS &&
           static_cast<i64>(result.workspaceSize) <= choice.workspace_bytes &&
           choice.workspace_bytes <= kWorkspaceBytes;
  }

  void run(const MatmulChoice& choice) {
    const cublasLtMatmulAlgo_t algorithm = algorithm_of(choice);
    const Scratch<u8> workspace(device_, choice.workspace_bytes);
    const Compute<T> one = 1, nothing = 0;
    check(cublasLtMatmul(handle(), &operation_, &one, request_.b, &first_.memory, request_.a,
                         &second_.memory, &nothing, request_.c, &result_.memory, request_.c,
                         &result_.memory, &algorithm, workspace.data(),
                         static_cast<std::size_t>(choice.workspace_bytes), device_.stream),
          "cublasLtMatmul");
  }

 private:
  static ProductDescription checked(ProductDescription description) {
    if (const std::string rule = violated_rule(description); !rule.empty())
      throw InternalError(fmt::format("matmul: cuBLASLt does not take the product: {}", rule));
    return description;
  }
  const ProductTypes& types() const { return description_.types; }
  const MatmulLayout& layout() const { return description_.layout; }

  Cuda device_;
  MatmulRequest<T, C> request_;
  ProductDescription description_;
  cublasLtMatmulDescOpaque_t operation_{};
  Matrix first_, second_, result_;
};

}  // namespace

std::string matmul_library() { return fmt::format("cuBLASLt {}", library_version()); }

template <class T, class C>
void library_matmul(Cuda device, const MatmulRequest<T, C>& request) {
  Call<T, C> call(device, request);
  call.run(plan_for(device, call.product(), call));
}

#define WEFT_MATMUL(T, C) template void library_matmul(Cuda, const MatmulRequest<T, C>&);
WEFT_CUDA_PRODUCT_TYPES(WEFT_MATMUL)

}  // namespace weft::kernels
