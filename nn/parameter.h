// SPDX-License-Identifier: Apache-2.0
// What a module is made of: parameters (trained) and buffers (kept, such as running statistics).
#pragma once
#include <string>
#include <vector>

#include "weft/autograd/variable.h"

namespace weft::nn {

// How a parameter's elements are ordered in a file, where PyTorch's layout is used, next to weft's
// own.
struct FileLayout {
  enum class Kind {
    same,         // as in memory
    open,         // as in memory, unless the input of this Linear turns out to be a flattened image
    convolution,  // memory (out, h, w, in), file (out, in, h, w)
    flattened_image,  // a Linear after Flatten: memory (out, h·w·c), file (out, c·h·w)
    unknown  // a Linear after Flatten that has not seen an image yet: load and save refuse it
  };
  Kind kind = Kind::same;
  FlatImage image = {};  // flattened_image only
};
// Memory → file and back; copies unless the layouts are the same. Throws UserError for `unknown`.
Tensor to_file_layout(const Tensor& value, const FileLayout& layout);
Tensor from_file_layout(const Tensor& value, const FileLayout& layout);
// The shape in the file of a parameter of this shape in memory.
Shape file_shape(const Shape& shape, const FileLayout& layout);

// A trained tensor: a leaf on the tape. A copy is a parameter of its own with the same values.
class Parameter {
 public:
  Parameter() = default;  // absent (a layer without bias)
  explicit Parameter(Tensor initial, FileLayout layout = {});
  Parameter(const Parameter& other);
  Parameter(Parameter&&) noexcept = default;
  Parameter& operator=(Parameter other) noexcept;
  ~Parameter() = default;

  bool defined() const { return variable_.defined(); }
  operator const Variable&() const { return variable_; }  // NOLINT(google-explicit-constructor)
  const Variable& variable() const { return variable_; }
  const Tensor& value() const { return variable_.value(); }
  const FileLayout& file_layout() const { return layout_; }
  void set_file_layout(const FileLayout& layout) { layout_ = layout; }
  // What was open stays as in memory from now on: it was loaded or saved so.
  void settle_file_layout() {
    if (layout_.kind == FileLayout::Kind::open) layout_.kind = FileLayout::Kind::same;
  }
  // From now on this is `other`: one value, one gradient (tied weights).
  void tie(const Parameter& other);

 private:
  Variable variable_;
  FileLayout layout_;
};

// A tensor that is part of the module's state but not trained.
struct Buffer {
  Tensor value;
  Buffer() = default;
  explicit Buffer(Tensor initial) : value(std::move(initial)) {}
  Buffer(const Buffer& other) : value(other.value.defined() ? other.value.clone() : Tensor()) {}
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(Buffer other) noexcept {
    std::swap(value, other.value);
    return *this;
  }
  ~Buffer() = default;
};

struct NamedParameter {
  std::string name;  // "features.0.weight"
  Variable variable;
  FileLayout layout;
  Parameter* parameter = nullptr;  // in its module; for load and save
};
struct NamedBuffer {
  std::string name;
  Buffer* buffer;
};
using NamedParameters = std::vector<NamedParameter>;

}  // namespace weft::nn
