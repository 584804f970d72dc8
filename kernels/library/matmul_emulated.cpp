// SPDX-License-Identifier: Apache-2.0
// On the emulated device, matrix products are computed by the CPU kernels. Each call first checks
// the requirements of cuBLASLt.
#include "weft/core/error.h"
#include "weft/device/emulated/stream.h"
#include "weft/kernels/library/as_compute.h"
#include "weft/kernels/library/matmul.h"
#include "weft/kernels/library/matmul_description.h"
#include "weft/kernels/library/matmul_tuning.h"
#include "weft/kernels/library/product_types.h"

namespace weft::kernels {
namespace {

template <class T>
constexpr i64 kCode = static_cast<i64>(sizeof(T)) + (std::is_same_v<T, bfloat16> ? 1 : 0);

// The seconds that the three algorithms of the emulated library take. They compute the same. The
// first guess is not the fastest, so that tests can see the effect of autotuning.
constexpr std::array kSeconds{3e-6, 1e-6, 2e-6};

template <class T, class C>
class Call {
 public:
  Call(Cuda device, const MatmulRequest<T, C>& request) : device_(device), request_(request) {
    const std::string rule = violated_rule(describe(request));
    WEFT_ASSERT(rule.empty(), "matmul: {}", rule);
  }

  MatmulProduct product() const { return product_of(request_, 1, 0, kCode<T> << 8 | kCode<C>); }
  std::vector<MatmulChoice> guesses(int most) {
    std::vector<MatmulChoice> all;
    for (i64 i = 0; i < std::min<i64>(most, static_cast<i64>(kSeconds.size())); ++i)
      all.push_back({.workspace_bytes = 256 * i, .algorithm = {i}});
    return all;
  }
  bool takes(const MatmulChoice& choice) {
    return choice.algorithm[0] >= 0 && choice.algorithm[0] < static_cast<i64>(kSeconds.size()) &&
           choice.workspace_bytes == 256 * choice.algorithm[0];
  }
  void run(const MatmulChoice& choice) {
    const Scratch<u8> workspace(device_, choice.workspace_bytes);
    WEFT_ASSERT(
        choice.workspace_bytes == 0 || alignment_of(workspace.data()) >= kWorkspaceAlignment,
        "matmul: the workspace is aligned to {} bytes; {} are required",
        alignment_of(workspace.data()), kWorkspaceAlignment);
    const double seconds = kSeconds.at(static_cast<std::size_t>(choice.algorithm[0]));
    emulated::enqueue(device_.stream, [r = request_, seconds, stream = device_.stream] {
      emulated::pass_time(stream, seconds);
      const MatmulShape& s = r.shape;
      const AsCompute<T> a_values(r.a, s.batch * s.m * s.k), b_values(r.b, s.batch * s.k * s.n);
      const AsCompute<C> bias_values(r.bias, s.n);
      write_computed(r.c, s.batch * s.m * s.n, [&](Compute<C>* result) {
        matmul(Cpu{}, result, a_values.data(), b_values.data(), bias_values.data(),
               Activation::none, s);
      });
    });
  }

 private:
  Cuda device_;
  MatmulRequest<T, C> request_;
};

}  // namespace

std::string matmul_library() { return "emulated products"; }

template <class T, class C>
void library_matmul(Cuda device, const MatmulRequest<T, C>& request) {
  Call<T, C> call(device, request);
  call.run(plan_for(device, call.product(), call));
}

#define WEFT_MATMUL(T, C) template void library_matmul(Cuda, const MatmulRequest<T, C>&);
WEFT_CUDA_PRODUCT_TYPES(WEFT_MATMUL)

}  // namespace weft::kernels
