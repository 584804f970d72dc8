// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/formulas.h"

#include <algorithm>
#include <array>

namespace weft {
namespace {

constexpr OpWork kProduct{.is_product = true};
constexpr OpWork kMoves{};
constexpr OpWork each(double operations) { return {.per_output = operations}; }
constexpr OpWork each_input(double operations) { return {.per_input = operations}; }

constexpr std::string_view kElementwise = "kernels/elementwise_ops.h",
                           kPointwiseLoss = "kernels/pointwise_loss_ops.h",
                           kReduce = "kernels/reduce.h", kPool = "kernels/pool2d.h";

// In the order of autograd/ops.h. The operations of exp, ln and the like count as one.
constexpr auto kFormulas = std::to_array<OpFormula>({
    // --- products
    {"linear", "y = act(x·wᵀ + b)", "dz = dy·act′; dx = dz·w, dw = dzᵀ·x, db = Σ dz",
     "kernels/library/matmul.h", kProduct},
    {"matmul", "c = a·b", "da = dc·bᵀ, db = aᵀ·dc", "kernels/library/matmul.h", kProduct},
    {"conv2d", "y[n,i,j,o] = act(b[o] + Σ_{a,b,c} x[n, i·s−p+a, j·s−p+b, c]·w[o,a,b,c])",
     "dz = dy·act′; dx = dz ∗ w turned, dw = Σ_{n,i,j} dz·x, db = Σ dz", "kernels/library/conv2d.h",
     kProduct},
    // --- elementwise
    {"add", "c = a + b", "da = dc, db = dc", kElementwise, each(1)},
    {"sub", "c = a − b", "da = dc, db = −dc", kElementwise, each(1)},
    {"mul", "c = a·b", "da = dc·b, db = dc·a", kElementwise, each(1)},
    {"div", "c = a/b", "da = dc/b, db = −dc·a/b²", kElementwise, each(1)},
    {"maximum", "c = max(a, b)", "da = dc·[a > b], db = dc·[b > a], half each if equal",
     kElementwise, each(1)},
    {"minimum", "c = min(a, b)", "da = dc·[a < b], db = dc·[b < a], half each if equal",
     kElementwise, each(1)},
    {"neg", "y = −x", "dx = −dy", kElementwise, each(1)},
    {"exp", "y = eˣ", "dx = dy·y", kElementwise, each(1)},
    {"log", "y = ln x", "dx = dy/x", kElementwise, each(1)},
    {"sqrt", "y = √x", "dx = dy/(2y)", kElementwise, each(1)},
    {"square", "y = x²", "dx = dy·2x", kElementwise, each(1)},
    {"abs", "y = |x|", "dx = dy·sign x", kElementwise, each(1)},
    {"relu", "y = max(x, 0)", "dx = dy·[y > 0]", kElementwise, each(1)},
    {"gelu", "y = x·Φ(x)", "dx = dy·(Φ(x) + x·φ(x))", kElementwise, each(5)},
    {"silu", "y = x·σ(x)", "dx = dy·σ(x)·(1 + x·(1 − σ(x)))", kElementwise, each(4)},
    {"tanh", "y = tanh x", "dx = dy·(1 − y²)", kElementwise, each(1)},
    {"sigmoid", "y = 1/(1 + e⁻ˣ)", "dx = dy·y·(1 − y)", kElementwise, each(3)},
    {"affine", "y = scale·x + shift", "dx = scale·dy", "kernels/elementwise.h", each(2)},
    {"clamp", "y = min(max(x, low), high)", "dx = dy where low ≤ x ≤ high, else 0",
     "kernels/parametric.h", each(2)},
    {"pow", "y = xᵖ", "dx = dy·p·xᵖ⁻¹", "kernels/parametric.h", each(1)},
    {"where", "y = a where the condition holds, else b", "da, db = dy where chosen, else 0",
     "kernels/where.h", kMoves},
    {"masked_fill", "y = value where the mask is set, else x", "dx = 0 where the mask is set",
     "kernels/where.h", kMoves},
    {"dropout", "y = x/(1 − p) where u ≥ p, else 0;  u random in [0, 1)", "dx = the same of dy",
     "kernels/dropout.h", each(1)},
    // --- reductions
    {"sum", "y = Σ x", "dx = dy, repeated", kReduce, each_input(1)},
    {"mean", "y = Σ x/n", "dx = dy/n, repeated", kReduce, each_input(1)},
    {"var", "y = Σ (x − mean)²/(n − correction)", "dx = 2·(x − mean)·dy/(n − correction)", kReduce,
     each_input(4)},
    {"amax", "y = max x over the axes", "dx = dy at the maximum, shared by equal ones", kReduce,
     each_input(1)},
    {"amin", "y = min x over the axes", "dx = dy at the minimum, shared by equal ones", kReduce,
     each_input(1)},
    {"max", "y = max x over the axis", "dx = dy at the index of the maximum", kReduce,
     each_input(1)},
    {"min", "y = min x over the axis", "dx = dy at the index of the minimum", kReduce,
     each_input(1)},
    {"top_k", "y = the k largest of each row", "dx = dy at their indices", "kernels/top_k.h",
     each_input(1)},
    // --- normalisation, softmax and losses
    {"softmax", "y = eˣ/Σ eˣ over each row", "dx = y·(dy − Σ dy·y)", "kernels/softmax.h", each(4)},
    {"log_softmax", "y = x − ln Σ eˣ over each row", "dx = dy − eʸ·Σ dy", "kernels/softmax.h",
     each(4)},
    {"layer_norm", "y = w·(x − mean)/√(var + ε) + b over each row",
     "dx = (g − mean g − x̂·mean(g·x̂))/√(var + ε), g = dy·w;  dw = Σ dy·x̂, db = Σ dy",
     "kernels/layer_norm.h", each(7)},
    {"batch_norm", "y = γ·(x − mean)/√(var + ε) + β over each channel, (+ residual), (relu)",
     "dx = γ·(dy − mean dy − x̂·mean(dy·x̂))/√(var + ε);  dγ = Σ dy·x̂, dβ = Σ dy",
     "kernels/batch_norm.h", each(7)},
    {"batch_norm_eval", "y = γ·(x − running mean)/√(running var + ε) + β, (+ residual), (relu)",
     "dx = γ·dy/√(running var + ε);  dγ = Σ dy·x̂, dβ = Σ dy", "kernels/batch_norm.h", each(4)},
    {"batch_norm_pool", "y = the maximum of batch_norm(x), (relu), over windows of 2 × 2",
     "dx, dγ and dβ are those of batch_norm for dy at the maximum of its window",
     "kernels/batch_norm_pool.h", each_input(7)},
    {"cross_entropy", "loss = mean over rows of −ln softmax(x)[label]",
     "dx = (softmax(x) − onehot(label))/rows", "kernels/cross_entropy.h", each_input(4)},
    {"mse", "loss = mean (x − t)²", "dx = 2·(x − t)/n", kPointwiseLoss, each_input(3)},
    {"l1", "loss = mean |x − t|", "dx = sign(x − t)/n", kPointwiseLoss, each_input(3)},
    {"huber", "loss = mean of e²/2 for |e| ≤ δ, else δ·(|e| − δ/2);  e = x − t",
     "dx = e limited to ±δ, /n", kPointwiseLoss, each_input(4)},
    {"bce_with_logits", "loss = mean of −t·ln σ(x) − (1 − t)·ln(1 − σ(x))", "dx = (σ(x) − t)/n",
     kPointwiseLoss, each_input(5)},
    // --- images
    {"max_pool2d", "y = the maximum of each window", "dx = dy at the maximum of its window", kPool,
     each_input(1)},
    {"avg_pool2d", "y = the mean of each window", "dx = dy/window, repeated", kPool, each_input(1)},
    {"global_avg_pool", "y = the mean of each channel's image", "dx = dy/(height·width), repeated",
     kReduce, each_input(1)},
    // --- lookups, and ops that only move elements
    {"embedding", "y[i] = table[index[i]]", "dtable[k] = Σ of dy[i] with index[i] = k",
     "kernels/embedding.h", kMoves},
    {"index_select", "y = the entries of x at the indices", "dx = Σ of dy at each index",
     "kernels/gather.h", kMoves},
    {"gather", "y[i] = x[index[i]] along the axis", "dx = Σ of dy at each index",
     "kernels/gather.h", kMoves},
    {"reshape", "y = x in another shape; nothing is copied", "dx = dy in the shape of x",
     "tensor/tensor.h", kMoves},
    {"permute", "y = x with its axes in another order", "dx = dy in the order of x",
     "kernels/permute.h", kMoves},
    {"broadcast_to", "y = x, repeated", "dx = Σ of dy over the repeated axes",
     "kernels/elementwise.h", kMoves},
    {"narrow", "y = a range of x along an axis", "dx = dy in its range, else 0",
     "kernels/copy_blocks.h", kMoves},
    {"pad", "y = x with a border", "dx = dy without the border", "kernels/copy_blocks.h", kMoves},
    {"concat", "y = the inputs, one behind the other", "dx = the part of dy",
     "kernels/copy_blocks.h", kMoves},
    {"stack", "y = the inputs along a new axis", "dx = the part of dy", "kernels/copy_blocks.h",
     kMoves},
});

}  // namespace

double weighted_product_flops(const Shape& output, const Shape& weight) {
  if (weight.rank() == 0 || weight[0] == 0) return 0;
  return 2 * static_cast<double>(output.elements()) * static_cast<double>(weight.elements()) /
         static_cast<double>(weight[0]);
}

const OpFormula* formula_of(std::string_view op) {
  const auto* found = std::find_if(kFormulas.begin(), kFormulas.end(),
                                   [&](const OpFormula& each) { return each.op == op; });
  return found == kFormulas.end() ? nullptr : found;
}

std::span<const OpFormula> all_formulas() { return kFormulas; }

}  // namespace weft
