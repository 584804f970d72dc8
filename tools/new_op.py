#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the files of a new op, which compile and whose row fails: `./run new-op NAME`.

The op starts as y = x on both devices, and its row expects 2x. Change the row into the
specification first, then the contract with the shape of the output, then the kernels until the row
passes (CONTRIBUTING.md, "Add an op in six steps").
An elementwise op needs only a formula and its line in kernels/elementwise_ops.h. Exit code 2 if the
name is taken or cannot name an op."""
import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LICENSE = "// SPDX-License-Identifier: Apache-2.0\n"

FILES = {
    "kernels/@name@.h": """// One line says what the op computes.
//   math     y[r,c] = x[r,c];  dx[r,c] = dy[r,c]
//   shapes   x, dx (rows, cols); y, dy (rows, @name@_cols(cols))
//   saved    nothing
//   aliasing none
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// The columns of y for those of x. Tensors and tests use it too.
constexpr i64 @name@_cols([[maybe_unused]] i64 cols) { return cols; }

// On the CPU T is float or double, on a GPU also half or bfloat16.
template <class T, class Device>
void @name@_forward(Device device, Rows<T> y, Rows<const T> x);
template <class T, class Device>
void @name@_backward(Device device, Rows<T> dx, Rows<const T> dy);

}  // namespace weft::kernels
""",
    "kernels/@name@_cpu.cpp": """#include "weft/kernels/@name@.h"

#include "weft/kernels/common/rows.h"

namespace weft::kernels {
namespace {

template <class T>
void forward(Rows<T> y, Rows<const T> x) {
  for_rows(x.rows, x.cols, [=](i64 r) {
    for (i64 c = 0; c < y.cols; ++c) y(r, c) = x(r, c);
  });
}

template <class T>
void backward(Rows<T> dx, Rows<const T> dy) {
  for_rows(dx.rows, dx.cols, [=](i64 r) {
    for (i64 c = 0; c < dx.cols; ++c) dx(r, c) = dy(r, c);
  });
}

}  // namespace

#define WEFT_SPECIALISE(T) \\
  template <> \\
  void @name@_forward(Cpu, Rows<T> y, Rows<const T> x) { \\
    forward(y, x); \\
  } \\
  template <> \\
  void @name@_backward(Cpu, Rows<T> dx, Rows<const T> dy) { \\
    backward(dx, dy); \\
  }
WEFT_SPECIALISE(float)
WEFT_SPECIALISE(double)

}  // namespace weft::kernels
""",
    "kernels/@name@_cuda.cu": """#include "weft/kernels/@name@.h"

#include "weft/kernels/common/grid.h"

namespace weft::kernels {
namespace {

// half and bfloat16 are storage: elements are computed in Compute<T>.
template <class T>
__global__ void __launch_bounds__(kThreads) @name@_forward_kernel(Rows<T> y, Rows<const T> x) {
  for (i64 i = first_index(); i < y.size(); i += grid_stride()) {
    const auto [r, c] = divide(i, y.cols);
    y(r, c) = converted<T>(converted<Compute<T>>(x(r, c)));
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) @name@_backward_kernel(Rows<T> dx, Rows<const T> dy) {
  for (i64 i = first_index(); i < dx.size(); i += grid_stride()) {
    const auto [r, c] = divide(i, dx.cols);
    dx(r, c) = converted<T>(converted<Compute<T>>(dy(r, c)));
  }
}

template <class T>
void forward(Cuda device, Rows<T> y, Rows<const T> x) {
  if (y.size() == 0) return;
  launch<@name@_forward_kernel<T>>(on(device, blocks_for(y.size())), y, x);
}

template <class T>
void backward(Cuda device, Rows<T> dx, Rows<const T> dy) {
  if (dx.size() == 0) return;
  launch<@name@_backward_kernel<T>>(on(device, blocks_for(dx.size())), dx, dy);
}

}  // namespace

#define WEFT_SPECIALISE(T) \\
  template <> \\
  void @name@_forward(Cuda device, Rows<T> y, Rows<const T> x) { \\
    forward(device, y, x); \\
  } \\
  template <> \\
  void @name@_backward(Cuda device, Rows<T> dx, Rows<const T> dy) { \\
    backward(device, dx, dy); \\
  }
WEFT_SPECIALISE(float)
WEFT_SPECIALISE(double)
WEFT_SPECIALISE(half)
WEFT_SPECIALISE(bfloat16)

}  // namespace weft::kernels
""",
    "tensor/@name@.cpp": """#include "weft/kernels/@name@.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

// The shape of y for that of x. x.without(-1) is that of an op with one value for each row.
Shape @name@_shape(const Shape& x) {
  WEFT_CHECK(x.rank() >= 1, "@name@: x is a scalar; at least one axis is required");
  return x.with(-1, kernels::@name@_cols(x[-1]));
}

// A view of y with a row for each row of x, also if y does not have the last axis.
template <class T>
kernels::Rows<T> @name@_rows(const Tensor& y, const Tensor& x) {
  const kernels::Rows<T> of_x = rows<T>(x);
  return {y.data<T>(), of_x.rows, kernels::@name@_cols(of_x.cols)};
}

// Calls kernel.operator()<T>(device) for the dtype and the device of x.
template <class Kernel>
void run_@name@(const Tensor& x, const Kernel& kernel) {
  visit_compute("@name@", x.dtype(), [&]<class T>() {
    std::visit([&](auto device) { kernel.template operator()<T>(device); }, x.device());
  });
}

}  // namespace

void @name@(Tensor& y, const Tensor& x) {
  check_output("@name@", y, @name@_shape(x.shape()), x);
  run_@name@(x, [&]<class T>(auto device) {
    kernels::@name@_forward<T>(device, @name@_rows<T>(y, x), rows<T>(x));
  });
}
void @name@_backward(Tensor& dx, const Tensor& dy) {
  check_output("@name@", dy, @name@_shape(dx.shape()), dx);
  run_@name@(dy, [&]<class T>(auto device) {
    kernels::@name@_backward<T>(device, rows<T>(dx), @name@_rows<T>(dy, dx));
  });
}

Tensor @name@(const Tensor& x) {
  Tensor y = Tensor::empty(@name@_shape(x.shape()), x.dtype(), x.device());
  @name@(y, x);
  return y;
}

}  // namespace weft
""",
    "autograd/@name@.cpp": """#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"

namespace weft {

Variable @name@(const Variable& x) {
  return record("@name@", @name@(x.value()), edge(x, [](const Tensor& dy, Tensor& dx) {
                  @name@_backward(dx, dy);
                }));
}

}  // namespace weft
""",
    "tests/autograd/@name@_test.cpp": """#include "weft/testing/testing.h"

namespace weft {
namespace {

// The specification, composed of simple ops. An op that does not take every matrix has .sizes and
// .gradcheck_sizes behind .errors (testing/op_row.h).
WEFT_OP_ROW(@name@, {.inputs = {testing::matrix},
                     .op = [](auto& a) { return @name@(a[0]); },
                     .reference = [](auto& a) { return a[0] * 2.0; },
                     .errors = {{[] { @name@(Variable(Tensor::zeros({}))); },
                                 "x is a scalar; at least one axis is required"}}});

}  // namespace
}  // namespace weft
""",
    "tests/cuda/@name@_test.cpp": """#include "weft/kernels/@name@.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols;
};
const Size kMatrices[] = {{0, 5}, {1, 1}, {9, 31}, {3, 33}, {2, 1025}};

// The CPU's kernel in double is the reference. The row of the op checks that kernel.
TEST(Cuda@Name@, IsTheCpus) {
  for_types([]<class T>() {
    for (const auto [rows, cols] : kMatrices) {
      SCOPED_TRACE(::testing::Message() << rows << ", " << cols);
      const i64 y_cols = @name@_cols(cols);
      Numbers numbers;
      const Array<T> x(rows * cols, numbers), dy(rows * y_cols, numbers);
      const auto x64 = x.numbers(), dy64 = dy.numbers();
      std::vector<double> wanted(dy64.size()), wanted_dx(x64.size());
      @name@_forward<double>(Cpu{}, view(wanted, rows, y_cols), view(x64, rows, cols));
      @name@_backward<double>(Cpu{}, view(wanted_dx, rows, cols), view(dy64, rows, y_cols));
      in_every_order([&, rows = rows, cols = cols] {
        Array<T> y(dy.size()), dx(x.size());
        @name@_forward<T>(Cuda{}, view(y, rows, y_cols), view(x, rows, cols));
        expect_near(y, wanted);
        @name@_backward<T>(Cuda{}, view(dx, rows, cols), view(dy, rows, y_cols));
        expect_near(dx, wanted_dx);
      });
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
""",
}

DECLARATIONS = {
    "tensor/ops.h": """// --- @name@ (tensor/@name@.cpp), over the last axis
Tensor @name@(const Tensor& x);
void @name@(Tensor& y, const Tensor& x);
void @name@_backward(Tensor& dx, const Tensor& dy);
""",
    "autograd/ops.h": """// --- @name@ (autograd/@name@.cpp), over the last axis
Variable @name@(const Variable& x);
""",
}

FORMULAS = "autograd/formulas.cpp"
FORMULA = """    {"@name@", "y = x", "dx = dy", "kernels/@name@.h", kMoves},
"""


def stop(sentence):
    print(f"new-op: {sentence}", file=sys.stderr)
    sys.exit(2)


def fill(template, name):
    pascal = "".join(part.capitalize() for part in name.split("_"))
    return template.replace("@name@", name).replace("@Name@", pascal)


def with_declaration(path, declaration):
    text = path.read_text(encoding="utf-8")
    end = "\n}  // namespace weft\n"
    if not text.endswith(end):
        stop(f"{path.relative_to(ROOT)} does not end with its namespace; write the declaration there by hand:\n{declaration}")
    return text[: -len(end)] + "\n" + declaration + end


def with_formula(path, formula):
    text = path.read_text(encoding="utf-8")
    end = "});\n\n}  // namespace\n"
    if text.count(end) != 1:
        stop(f"{path.relative_to(ROOT)} has no end of its table; write the line there by hand:\n{formula}")
    return text.replace(end, formula + end)


def main():
    parser = argparse.ArgumentParser(prog="./run new-op", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="in snake_case: rms_norm")
    name = parser.parse_args().name
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        stop(f"'{name}' given; a name in snake_case is required, for example rms_norm")
    taken = [path for path in (fill(f, name) for f in FILES) if (ROOT / path).exists()]
    for path in [*DECLARATIONS, "kernels/elementwise_ops.h"]:
        if re.search(rf"\b{name}[(,]", (ROOT / path).read_text(encoding="utf-8")):
            taken.append(path)
    if taken:
        stop(f"an op '{name}' exists already, in {', '.join(taken)}; another name is required")

    changed = {ROOT / path: with_declaration(ROOT / path, fill(text, name)) for path, text in DECLARATIONS.items()}
    changed[ROOT / FORMULAS] = with_formula(ROOT / FORMULAS, fill(FORMULA, name))
    changed |= {ROOT / fill(path, name): LICENSE + fill(text, name) for path, text in FILES.items()}
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    print(f"\nNext: write the specification in tests/autograd/{name}_test.cpp, then\n./run op {name} until it passes, and ./run format")


main()
