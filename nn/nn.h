// SPDX-License-Identifier: Apache-2.0
// Includes all of nn.
#pragma once
#include "weft/autograd/ops.h"
#include "weft/nn/activations.h"
#include "weft/nn/batch_norm.h"
#include "weft/nn/conv2d.h"
#include "weft/nn/dropout.h"
#include "weft/nn/dry_run.h"
#include "weft/nn/embedding.h"
#include "weft/nn/init.h"
#include "weft/nn/layer.h"
#include "weft/nn/layer_norm.h"
#include "weft/nn/linear.h"
#include "weft/nn/models/models.h"
#include "weft/nn/module.h"
#include "weft/nn/pool.h"
#include "weft/nn/residual.h"
#include "weft/nn/sequential.h"
#include "weft/nn/serialize.h"
#include "weft/nn/statistics.h"

// The functional forms under their usual names: nn::relu(x), nn::cross_entropy(logits, labels).
namespace weft::nn {
using weft::avg_pool2d;
using weft::bce_with_logits;
using weft::conv2d;
using weft::cross_entropy;
using weft::dropout;
using weft::embedding;
using weft::flatten;
using weft::gelu;
using weft::global_avg_pool;
using weft::huber;
using weft::l1;
using weft::layer_norm;
using weft::linear;
using weft::log_softmax;
using weft::max_pool2d;
using weft::mse;
using weft::relu;
using weft::sigmoid;
using weft::silu;
using weft::softmax;
using weft::tanh;
}  // namespace weft::nn
