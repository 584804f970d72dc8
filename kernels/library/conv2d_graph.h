// SPDX-License-Identifier: Apache-2.0
// Convolutions by the graph interface of cuDNN.
//
// Note [Plans without a GPU]
// cuDNN builds a plan for the GPU of a handle, or, since version 9.8, for a GPU that it is given a
// description of. The functions below take either, and differ in nothing else. So what a run asks
// of cuDNN is asked for six GPUs without having one (`./run gpu-plans`). Such a plan cannot be run.
//
// Note [Which engines]
// cuDNN lists engines, the fastest first by its own estimate, and then engines to fall back on. The
// first is taken that computes the same bits each time, that needs at most kConv2dWorkspaceBytes,
// that adds in the type of the sum, and, unless TF32 is allowed, that multiplies f32 in f32. Engine
// 0 computes any shape. It is taken last, and never for an epilogue, because weft's own costs
// little. So cuDNN adds a bias and applies relu, and weft computes the other activations.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "weft/kernels/library/conv2d_plans.h"

namespace weft::kernels {

// The limit for the workspace of a plan.
inline constexpr i64 kConv2dWorkspaceBytes = i64{256} << 20;

// The GPU that a plan is for.
class Conv2dGpu {
 public:
  // The GPU of a handle of cuDNN, a cudnnHandle_t that outlives the plans.
  static Conv2dGpu of_handle(void* handle);
  // A GPU that is described as JSON in cuDNN's own terms, as in tools/gpu_plans/gpus/. Throws
  // UserError, naming `place`, if cuDNN does not accept the text or is older than 9.8.
  static Conv2dGpu described(const std::string& json, const std::string& place);

  // The handle, or null.
  void* handle() const { return handle_; }
  // The description, a cudnn::Descriptor, or null.
  void* description() const { return description_.get(); }

 private:
  void* handle_ = nullptr;
  std::shared_ptr<void> description_;
};

// The arrays of a convolution on the GPU. Each is written or read as the direction says. `bias` is
// null if the problem has none.
struct Conv2dArrays {
  void *x = nullptr, *w = nullptr, *y = nullptr, *bias = nullptr;
};

class Conv2dGraphPlan {
 public:
  struct Parts;
  explicit Conv2dGraphPlan(std::unique_ptr<Parts> parts);
  ~Conv2dGraphPlan();

  const Conv2dChoice& choice() const;
  // What cuDNN says of the engine, in words that a comma divides: "tensor cores, winograd".
  std::string notes() const;
  // Enqueues the convolution on the stream of `handle`, a cudnnHandle_t of the GPU of the plan.
  // `workspace` has choice().workspace_bytes. Throws InternalError if cuDNN reports an error.
  void run(void* handle, const Conv2dArrays& arrays, void* workspace) const;

 private:
  std::unique_ptr<Parts> parts_;
};

// A plan, or the reason why there is none, as cuDNN words it.
struct Conv2dAnswer {
  std::unique_ptr<Conv2dGraphPlan> plan = nullptr;
  std::string refusal = {};
};

// What batch norm would have a convolution compute in the direction forward, without bias and
// activation. Only `./run gpu-plans` asks for it, and no plan of it can be run (docs/kernels.md,
// "Fusions with batch norm").
struct Conv2dFusion {
  // before it: relu(x · scale + shift), with a scale and a shift for each channel
  bool scale_shift_relu = false;
  // after it: the sums of y and of its squares, for each channel
  bool statistics = false;
  bool exists() const { return scale_shift_relu || statistics; }
};

// Asks for the best allowed plan (Note [Which engines]).
Conv2dAnswer best_conv2d_plan(const Conv2dGpu& gpu, const Conv2dProblem& problem,
                              const Conv2dFusion& fusion = {});
// Builds the plans that cuDNN suggests for a problem, the best by its estimate first: those of
// Note [Which engines], and those that do not compute the same bits each time. A run takes one by
// best_conv2d_plan(); bench/best_conv2d.h times all of them.
std::vector<std::unique_ptr<Conv2dGraphPlan>> all_conv2d_plans(const Conv2dGpu& gpu,
                                                               const Conv2dProblem& problem);
// Builds the plan of a choice that an earlier plan returned, or that a file claims it did.
Conv2dAnswer conv2d_plan_of(const Conv2dGpu& gpu, const Conv2dProblem& problem,
                            const Conv2dChoice& choice);

}  // namespace weft::kernels
