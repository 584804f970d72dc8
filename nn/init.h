// SPDX-License-Identifier: Apache-2.0
// Initialisers. Each fills all of `weight`, which is f32 or f64, with values drawn from the
// generator.
//
// fan_in is the number of inputs that one element of the output depends on, and fan_out the number
// of outputs that one element of the input affects. For a Linear weight (out, in) they are in and
// out. For a convolution weight (out, h, w, in) they are in·h·w and out·h·w.
#pragma once
#include "weft/tensor/random.h"

namespace weft::nn::init {

struct Fans {
  i64 in, out;
};
// Throws UserError for a tensor of fewer than two axes.
Fans fans(const Tensor& weight);

void constant(const Tensor& weight, double value);
void uniform(const Tensor& weight, double low, double high,
             Generator& generator = default_generator());
void normal(const Tensor& weight, double mean, double std,
            Generator& generator = default_generator());
// A normal distribution, from which values outside [low, high] are drawn again.
void trunc_normal(const Tensor& weight, double mean, double std, double low, double high,
                  Generator& generator = default_generator());
// A uniform distribution within ±gain·√(6/(fan_in + fan_out)), or a normal one with the same
// variance. Source: Glorot & Bengio 2010.
void xavier_uniform(const Tensor& weight, double gain = 1.0,
                    Generator& generator = default_generator());
void xavier_normal(const Tensor& weight, double gain = 1.0,
                   Generator& generator = default_generator());
// A distribution with std = gain/√fan, where ReLU takes gain = √2. The uniform one has the bounds
// ±std·√3. Source: He et al. 2015, arXiv:1502.01852.
enum class Fan { in, out };
void kaiming_uniform(const Tensor& weight, double gain = 1.4142135623730951, Fan fan = Fan::in,
                     Generator& generator = default_generator());
void kaiming_normal(const Tensor& weight, double gain = 1.4142135623730951, Fan fan = Fan::in,
                    Generator& generator = default_generator());
// gain times a matrix with orthonormal rows or columns, whichever are fewer. The axes after the
// first are taken as one. Source: Saxe, McClelland & Ganguli 2013, arXiv:1312.6120.
void orthogonal(const Tensor& weight, double gain = 1.0,
                Generator& generator = default_generator());

// The initial values of PyTorch's Linear and Conv2d: weight and bias are uniform within ±1/√fan_in.
// bias may be undefined.
void default_linear(const Tensor& weight, const Tensor& bias,
                    Generator& generator = default_generator());

}  // namespace weft::nn::init
