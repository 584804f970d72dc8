// SPDX-License-Identifier: Apache-2.0
// A convolution in the terms of cuDNN's graph interface.
#pragma once
#include <list>

#include "weft/kernels/library/conv2d_graph.h"
#include "weft/kernels/library/cudnn_descriptor.h"

namespace weft::kernels::cudnn {

static_assert(static_cast<i64>(Conv2dType::f32) == CUDNN_DATA_FLOAT &&
              static_cast<i64>(Conv2dType::f64) == CUDNN_DATA_DOUBLE &&
              static_cast<i64>(Conv2dType::f16) == CUDNN_DATA_HALF &&
              static_cast<i64>(Conv2dType::bf16) == CUDNN_DATA_BFLOAT16);

enum Uid : i64 { kX = 1, kW, kY, kBias, kScale, kShift, kSum, kSquareSum, kFirstInner };

// The axes of cuDNN are N, C, H, W. In memory the channels are last.
using Axes = std::array<i64, 4>;
inline Axes strides_of(const Axes& size) {
  return {size[1] * size[2] * size[3], 1, size[3] * size[1], size[1]};
}

inline cudnnDataType_t data_type(Conv2dType type) { return static_cast<cudnnDataType_t>(type); }

// Names the GPU, if it is a described one.
inline void describe_gpu(const Descriptor& target, const Conv2dGpu& gpu,
                         cudnnBackendAttributeName_t attribute) {
  if (gpu.description() != nullptr)
    target.set(attribute, *static_cast<const Descriptor*>(gpu.description()));
}

// The graph of operations of a problem: a convolution, the bias, the activation; or a convolution
// and what a fusion adds.
class Graph {
 public:
  Graph(const Conv2dGpu& gpu, const Conv2dProblem& problem, const Conv2dFusion& fusion)
      : problem_(problem),
        shape_(std::bit_cast<Conv2dShape>(problem.shape)),
        sum_type_(problem.type == Conv2dType::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT) {
    const bool is_forward = problem.direction == Conv2dDirection::forward;
    if ((has_epilogue(problem) || fusion.exists()) && !is_forward)
      throw Refused{"only the direction forward has an epilogue or a fusion"};
    const auto type_of = [&](bool is_result) {
      return data_type(is_result ? problem.result_type : problem.type);
    };
    const Axes x_size{shape_.batch, shape_.channels, shape_.height, shape_.width};
    const Axes y_size{shape_.batch, shape_.out_channels, shape_.out_height, shape_.out_width};
    const Descriptor& x =
        tensor(kX, type_of(problem.direction == Conv2dDirection::to_input), x_size);
    const Descriptor& w = tensor(
        kW, type_of(problem.direction == Conv2dDirection::to_weight),
        {shape_.out_channels, shape_.channels / shape_.groups, shape_.kernel.h, shape_.kernel.w});
    const Descriptor& y =
        has_epilogue(problem) ? inner(y_size) : tensor(kY, type_of(is_forward), y_size);
    convolution(fusion.scale_shift_relu ? normalised(x, x_size) : x, w, y);
    if (has_epilogue(problem)) epilogue(y, y_size);
    if (fusion.statistics) statistics(y, y_size);
    std::vector<cudnnBackendDescriptor_t> raw;
    for (const Descriptor& operation : operations_) raw.push_back(operation.raw());
    graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
               static_cast<i64>(raw.size()), raw.data());
    if (gpu.handle() != nullptr)
      graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE,
                 static_cast<cudnnHandle_t>(gpu.handle()));
    graph_.finalize("the operations");
  }
  const Descriptor& descriptor() const { return graph_; }

 private:
  const Descriptor& tensor(i64 uid, cudnnDataType_t type, const Axes& size, bool exists = true) {
    const Descriptor& made = tensors_.emplace_back(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const Axes strides = strides_of(size);
    made.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
    made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
    made.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, size.data());
    made.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides.data());
    made.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, problem_.alignment);
    made.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, !exists);
    made.finalize("a tensor");
    return made;
  }
  // A value between two operations, which has no memory.
  const Descriptor& inner(const Axes& size) {
    return tensor(next_inner_++, sum_type_, size, false);
  }

  void convolution(const Descriptor& x, const Descriptor& w, const Descriptor& y) {
    const auto pair = [&](cudnnBackendAttributeName_t name, const Pair2d& value) {
      const std::array<i64, 2> both{value.h, value.w};
      convolution_.set(name, CUDNN_TYPE_INT64, 2, both.data());
    };
    convolution_.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, sum_type_);
    convolution_.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
                     CUDNN_CROSS_CORRELATION);
    convolution_.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    pair(CUDNN_ATTR_CONVOLUTION_DILATIONS, shape_.dilation);
    pair(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, shape_.stride);
    pair(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, shape_.padding);
    pair(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, shape_.padding);
    convolution_.finalize("the convolution");
    switch (problem_.direction) {
      case Conv2dDirection::forward:
        return operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                         {{CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, &convolution_},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, &x},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, &w},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, &y}});
      case Conv2dDirection::to_input:
        return operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                         {{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, &convolution_},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, &x},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, &w},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, &y}});
      case Conv2dDirection::to_weight:
        return operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                         {{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, &convolution_},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, &x},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, &w},
                          {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, &y}});
    }
    throw Refused{"an unknown direction"};
  }

  using Part = std::pair<cudnnBackendAttributeName_t, const Descriptor*>;
  // result = 1 · convolution + 0 · result
  void operation(cudnnBackendDescriptorType_t type, cudnnBackendAttributeName_t alpha,
                 cudnnBackendAttributeName_t beta, std::initializer_list<Part> parts) {
    const Descriptor& made = operations_.emplace_back(type);
    if (sum_type_ == CUDNN_DATA_DOUBLE) {
      made.set(alpha, CUDNN_TYPE_DOUBLE, 1.0);
      made.set(beta, CUDNN_TYPE_DOUBLE, 0.0);
    } else {
      made.set(alpha, CUDNN_TYPE_FLOAT, 1.0f);
      made.set(beta, CUDNN_TYPE_FLOAT, 0.0f);
    }
    for (const auto& [name, part] : parts) made.set(name, *part);
    made.finalize("the convolution's operation");
  }

  void epilogue(const Descriptor& sum, const Axes& size) {
    const cudnnDataType_t type = data_type(problem_.result_type);
    const Descriptor* value = &sum;
    const auto activation = static_cast<Activation>(problem_.activation);
    if (problem_.has_bias != 0) {
      const Descriptor& bias = tensor(kBias, type, {1, size[1], 1, 1});
      const bool is_last = activation == Activation::none;
      const Descriptor& added = is_last ? tensor(kY, type, size) : inner(size);
      pointwise(CUDNN_POINTWISE_ADD, *value, &bias, added);
      value = &added;
    }
    if (activation != Activation::none)
      pointwise(mode_of(activation), *value, nullptr, tensor(kY, type, size));
  }
  // relu(x · scale + shift), with a scale and a shift for each channel
  const Descriptor& normalised(const Descriptor& x, const Axes& size) {
    const Axes channels{1, size[1], 1, 1};
    const Descriptor& scaled = inner(size);
    const Descriptor& shifted = inner(size);
    const Descriptor& y = inner(size);
    pointwise(CUDNN_POINTWISE_MUL, x, &tensor(kScale, data_type(problem_.type), channels), scaled);
    pointwise(CUDNN_POINTWISE_ADD, scaled, &tensor(kShift, data_type(problem_.type), channels),
              shifted);
    pointwise(CUDNN_POINTWISE_RELU_FWD, shifted, nullptr, y);
    return y;
  }
  // The sum of y and that of its squares, for each channel
  void statistics(const Descriptor& y, const Axes& size) {
    const Axes channels{1, size[1], 1, 1};
    const Descriptor& made = operations_.emplace_back(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR);
    made.set(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE,
             CUDNN_GENSTATS_SUM_SQSUM);
    made.set(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_TYPE_DATA_TYPE, sum_type_);
    made.set(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, y);
    made.set(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, tensor(kSum, sum_type_, channels));
    made.set(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, tensor(kSquareSum, sum_type_, channels));
    made.finalize("the statistics");
  }
  static cudnnPointwiseMode_t mode_of(Activation activation) {
    switch (activation) {
      case Activation::none: break;
      case Activation::relu: return CUDNN_POINTWISE_RELU_FWD;
      case Activation::gelu: return CUDNN_POINTWISE_GELU_FWD;  // by erf, as weft's
      case Activation::silu: return CUDNN_POINTWISE_SWISH_FWD;
      case Activation::tanh: return CUDNN_POINTWISE_TANH_FWD;
      case Activation::sigmoid: return CUDNN_POINTWISE_SIGMOID_FWD;
    }
    throw Refused{"an unknown activation"};
  }
  void pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b,
                 const Descriptor& y) {
    const Descriptor& formula = tensors_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    formula.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
    formula.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, sum_type_);
    // NaN in the weights must not vanish in a relu.
    formula.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION,
                CUDNN_PROPAGATE_NAN);
    formula.finalize("a formula");
    const Descriptor& made = operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    made.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, formula);
    made.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != nullptr) made.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
    made.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    made.finalize("a formula's operation");
  }

  const Conv2dProblem problem_;
  const Conv2dShape shape_;
  const cudnnDataType_t sum_type_;
  i64 next_inner_ = kFirstInner;
  std::list<Descriptor> tensors_, operations_;  // whose addresses stay
  Descriptor convolution_{CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR};
  Descriptor graph_{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
};

}  // namespace weft::kernels::cudnn
