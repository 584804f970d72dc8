// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/op_row.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/library/matmul.h"
#include "weft/nn/safetensors.h"
#include "weft/testing/compare.h"
#include "weft/testing/machine.h"

namespace weft::testing {
namespace {

struct Outcome {
  Tensor value;
  std::vector<Tensor> grads;  // of each input; undefined if the input has no gradient
};

enum class Inputs { leaves, computed };

std::vector<Tensor> draw_inputs(const OpRow& row, Size size, double largest = 0) {
  std::mt19937_64 engine(static_cast<u64>(size.rows * 10007 + size.cols));
  std::vector<Tensor> inputs;
  for (const Input& input : row.inputs) {
    inputs.push_back(input(Draw{size, inputs, engine}));
    if (largest == 0 || !is_floating(inputs.back().dtype())) continue;
    const std::span<double> values = inputs.back().values<double>();
    double peak = 1e-30;
    for (const double value : values) peak = std::max(peak, std::abs(value));
    for (double& value : values) value = static_cast<float>(value * (largest / peak));
  }
  return inputs;
}

Tensor on_host(const Tensor& x) { return x.to(Cpu{}); }

// Computed inputs are results of another op, so the tape may write a gradient into the memory of
// the incoming gradient.
Outcome run(const OpRow& row, const std::vector<Tensor>& inputs, DType dtype, Inputs how,
            const Device& device = Cpu{}) {
  Variables leaves, given;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Tensor x =
        (is_floating(inputs[k].dtype()) ? inputs[k].to(dtype).clone() : inputs[k]).to(device);
    const bool varied =
        is_floating(x.dtype()) &&
        std::find(row.constants.begin(), row.constants.end(), k) == row.constants.end();
    leaves.push_back(varied ? Variable::leaf(x) : Variable(x));
    given.push_back(varied && how == Inputs::computed ? reshape(leaves[k], x.shape()) : leaves[k]);
  }
  Variable y = row.op(given);
  given.clear();
  Outcome outcome{on_host(y.value()).clone(), {}};
  std::mt19937_64 engine(7);
  const Tensor seed_before = Draw{{}, {}, engine}.normal(y.shape()).to(y.dtype());
  const Tensor seed = seed_before.clone().to(device);
  if (y.requires_grad()) y.backward(seed);
  EXPECT_EQ(difference_in_bytes(on_host(y.value()), outcome.value), "")
      << "backward changed the output";
  EXPECT_EQ(difference_in_bytes(on_host(seed), seed_before), "") << "backward changed its seed";
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    const Tensor grad = leaves[k].is_leaf() ? leaves[k].grad() : Tensor();
    outcome.grads.push_back(grad.defined() ? on_host(grad) : grad);
    const Tensor before = is_floating(inputs[k].dtype()) ? inputs[k].to(dtype) : inputs[k];
    EXPECT_EQ(difference_in_bytes(on_host(leaves[k].value()), before), "")
        << "input " << k << " was changed";
  }
  return outcome;
}

Tensor reference_of(const OpRow& row, const std::vector<Tensor>& inputs) {
  const NoGrad no_grad;
  return row.reference(Variables(inputs.begin(), inputs.end())).value();
}

void expect_close(const Outcome& actual, const Outcome& expected, double tolerance) {
  EXPECT_EQ(difference(actual.value, expected.value, tolerance), "") << "the value";
  for (std::size_t k = 0; k < actual.grads.size(); ++k) {
    ASSERT_EQ(actual.grads[k].defined(), expected.grads[k].defined())
        << "the gradient of input " << k;
    if (!actual.grads[k].defined()) continue;
    EXPECT_EQ(difference(actual.grads[k], expected.grads[k], tolerance), "")
        << "the gradient of input " << k;
  }
}

void expect_same_bytes(const Outcome& actual, const Outcome& expected) {
  EXPECT_EQ(difference_in_bytes(actual.value, expected.value), "") << "the value";
  for (std::size_t k = 0; k < actual.grads.size(); ++k) {
    if (!actual.grads[k].defined() || !expected.grads[k].defined()) continue;
    EXPECT_EQ(difference_in_bytes(actual.grads[k], expected.grads[k]), "")
        << "the gradient of input " << k;
  }
}

constexpr double kDoubleTolerance = 1e-11;

void check_value(const OpRow& row) {
  for (const Size size : row.sizes) {
    SCOPED_TRACE(fmt::format("size ({}, {})", size.rows, size.cols));
    const std::vector<Tensor> inputs = draw_inputs(row, size);
    const Tensor reference = reference_of(row, inputs);
    EXPECT_EQ(
        difference(run(row, inputs, DType::f64, Inputs::leaves).value, reference, kDoubleTolerance),
        "");
    EXPECT_EQ(
        difference(run(row, inputs, DType::f32, Inputs::leaves).value, reference, row.tolerance),
        "");
  }
}

void check_gradient(const std::string& name, const OpRow& row) {
  for (const Size size : row.gradcheck_sizes) {
    SCOPED_TRACE(fmt::format("size ({}, {})", size.rows, size.cols));
    EXPECT_EQ(gradcheck(name, row.op, draw_inputs(row, size), {.constants = row.constants}), "");
  }
}

void check_paths_on(const OpRow& row, const std::vector<Tensor>& inputs, double tolerance) {
  const Outcome oracle = run(row, inputs, DType::f64, Inputs::leaves);
  expect_same_bytes(run(row, inputs, DType::f64, Inputs::computed), oracle);
  const MachineState restore;
  for (const kernels::CpuBackend backend :
       row.library ? backends() : std::vector{kernels::cpu_backend()}) {
    kernels::set_cpu_backend(backend);
    for (const VectorSet set : vector_sets()) {
      SCOPED_TRACE(fmt::format("{}, {}", kernels::name_of(backend), name_of(set)));
      set_vector_set(set);
      set_threads(1);
      const Outcome alone = run(row, inputs, DType::f32, Inputs::leaves);
      expect_close(alone, oracle, tolerance);
      expect_same_bytes(run(row, inputs, DType::f32, Inputs::computed), alone);
      if (most_threads() == 1) continue;
      set_threads(2);
      const Outcome together = run(row, inputs, DType::f32, Inputs::leaves);
      if (row.library) expect_close(together, oracle, tolerance);
      else expect_same_bytes(together, alone);
      expect_same_bytes(run(row, inputs, DType::f32, Inputs::computed), together);
    }
  }
}

void check_paths(const OpRow& row) {
  for (const Size size : row.sizes) {
    SCOPED_TRACE(fmt::format("size ({}, {})", size.rows, size.cols));
    check_paths_on(row, draw_inputs(row, size), row.tolerance);
  }
}

void check_extremes(const OpRow& row) {
  const std::vector<Tensor> inputs = draw_inputs(row, row.sizes[row.sizes.size() / 2], 400.0);
  EXPECT_EQ(difference(run(row, inputs, DType::f64, Inputs::leaves).value,
                       reference_of(row, inputs), 1e-9),
            "");
  check_paths_on(row, inputs, 10 * row.tolerance);  // large values cancel
}

// After the first failure of a test, writes the inputs, the GPU's f32 outcome and the CPU's f64 one
// to the folder $WEFT_FAILURES, if it is set (./run gpu-check).
void keep_failure(const std::vector<Tensor>& inputs, const Outcome& actual,
                  const Outcome& expected) {
  const char* folder = std::getenv("WEFT_FAILURES");
  if (folder == nullptr || !::testing::Test::HasFailure()) return;
  const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path path =
      std::filesystem::path(folder) /
      fmt::format("{}.{}.safetensors", test.test_suite_name(), test.name());
  if (std::filesystem::exists(path)) return;
  TensorMap tensors;
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    if (tensor.defined()) tensors[name] = tensor;
  };
  for (std::size_t k = 0; k < inputs.size(); ++k) add(fmt::format("input_{}", k), inputs[k]);
  for (const auto& [side, outcome] : {std::pair{"gpu", &actual}, std::pair{"cpu", &expected}}) {
    add(fmt::format("{}_value", side), outcome->value);
    for (std::size_t k = 0; k < outcome->grads.size(); ++k)
      add(fmt::format("{}_grad_{}", side, k), outcome->grads[k]);
  }
  write_safetensors(path.string(), tensors);
}

void check_cuda(const OpRow& row) {
  const Device cuda = device_named("cuda");
  for (const Size size : row.sizes) {
    SCOPED_TRACE(fmt::format("size ({}, {})", size.rows, size.cols));
    const std::vector<Tensor> inputs = draw_inputs(row, size);
    const Outcome oracle = run(row, inputs, DType::f64, Inputs::leaves);
    expect_close(run(row, inputs, DType::f64, Inputs::leaves, cuda), oracle, kDoubleTolerance);
    const Outcome single = run(row, inputs, DType::f32, Inputs::leaves, cuda);
    expect_close(single, oracle, row.tolerance);
    expect_same_bytes(run(row, inputs, DType::f32, Inputs::computed, cuda), single);
    keep_failure(inputs, single, oracle);
  }
}

void check_errors(const std::string& op, const OpRow& row) {
  for (const ErrorCase& wrong : row.errors) {
    try {
      wrong.call();
      ADD_FAILURE() << "no error was thrown; expected: " << wrong.message;
    } catch (const UserError& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.rfind(op + ": ", 0), 0u) << text << " should begin with the op's name";
      EXPECT_NE(text.find(wrong.message), std::string::npos)
          << text << "\nshould hold: " << wrong.message;
    }
  }
}

class RowTest : public ::testing::Test {
 public:
  explicit RowTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override {
    const Poison poison;
    body_();
  }

 private:
  std::function<void()> body_;
};

std::vector<std::string>& known_rows() {
  static std::vector<std::string> ops;
  return ops;
}

}  // namespace

const std::vector<std::string>& ops_with_rows() { return known_rows(); }

bool add_op_row(const char* op, OpRow given, const char* file, int line) {
  known_rows().emplace_back(op);
  WEFT_CHECK(given.op && given.reference,
             "WEFT_OP_ROW({}): .op or .reference is missing; both are required", op);
  const std::string name = given.variant.empty() ? op : std::string(op) + "_" + given.variant;
  const auto row = std::make_shared<const OpRow>(std::move(given));
  const auto add = [&](const char* test, std::function<void()> body) {
    ::testing::RegisterTest(
        name.c_str(), test, nullptr, nullptr, file, line,
        [body = std::move(body)]() -> ::testing::Test* { return new RowTest(body); });
  };
  add("value", [=] { check_value(*row); });
  add("gradient", [=] { check_gradient(name, *row); });
  add("paths", [=] { check_paths(*row); });
  if (row->extremes) add("extremes", [=] { check_extremes(*row); });
  if (kHasCuda) add("cuda", [=] { check_cuda(*row); });
  if (!row->errors.empty()) add("errors", [op = std::string(op), row] { check_errors(op, *row); });
  return true;
}

}  // namespace weft::testing
