// SPDX-License-Identifier: Apache-2.0
// Initialisers. Each fills all of `weight`, drawing from the generator (f32 and f64).
//
// fan_in and fan_out are the numbers of inputs and outputs one element of the output and of the
// input sees: for a Linear weight (out, in) they are in and out; for a convolution weight (out, h,
// w, in), in·h·w and out·h·w.
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
// Normal, drawn again outside [low, high].
void trunc_normal(const Tensor& weight, double mean, double std, double low, double high,
                  Generator& generator = default_generator());
// Uniform within ±√(6/(fan_in + fan_out)), or normal with that variance.  Glorot & Bengio 2010
void xavier_uniform(const Tensor& weight, double gain = 1.0,
                    Generator& generator = default_generator());
void xavier_normal(const Tensor& weight, double gain = 1.0,
                   Generator& generator = default_generator());
// std = gain/√fan, for ReLU gain = √2; the uniform one has bounds ±std·√3.  He et al. 2015,
// arXiv:1502.01852
enum class Fan { in, out };
void kaiming_uniform(const Tensor& weight, double gain = 1.4142135623730951, Fan fan = Fan::in,
                     Generator& generator = default_generator());
void kaiming_normal(const Tensor& weight, double gain = 1.4142135623730951, Fan fan = Fan::in,
                    Generator& generator = default_generator());
// gain times a matrix with orthonormal rows or columns, whichever are fewer; axes after the first
// are taken as one.  Saxe, McClelland & Ganguli 2013, arXiv:1312.6120
void orthogonal(const Tensor& weight, double gain = 1.0,
                Generator& generator = default_generator());

// What PyTorch's Linear and Conv2d start with: weight and bias uniform within ±1/√fan_in.
void default_linear(const Tensor& weight, const Tensor& bias,
                    Generator& generator = default_generator());

}  // namespace weft::nn::init
