// SPDX-License-Identifier: Apache-2.0
// What a trace says of a step that is small enough to reckon by hand.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/core/config/config.h"
#include "weft/core/json.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/trace/trace.h"

namespace weft::train {
namespace {

// 784 -> 16 -> 10, with 20 samples in a batch.
Trace trace_of(const std::string& more = "", const std::string& model = "{type: mlp, hidden: [16]}",
               const std::string& train = "") {
  const std::string text = fmt::format(
      "run: {{seed: 1}}\n"
      "data: {{type: digits, train_size: 200, test_size: 20, validation_split: 0}}\n"
      "model: {}\ntrain: {{epochs: 2, batch_size: 20{}}}\n{}",
      model, train, more);
  Orchestrator run(config::load_text<RunConfig>(text, "test.yaml", {}).value, "test");
  return trace_step(run);
}
constexpr const char* kPlainSgd = "optimizer: {type: sgd, lr: 0.0625}\n";

std::vector<i64> bytes_saved(const Trace& trace, const TracedOp& op) {
  std::vector<i64> bytes;
  for (const i64 tensor : op.saved)
    bytes.push_back(trace.tensors.at(static_cast<std::size_t>(tensor)).bytes);
  std::sort(bytes.begin(), bytes.end());
  return bytes;
}

const TracedOp& first(const Trace& trace, const std::string& op) {
  return *std::find_if(trace.ops.begin(), trace.ops.end(),
                       [&](const TracedOp& each) { return each.op == op; });
}

TEST(StepTrace, CountsWorkAndShowsWhatIsFused) {
  const Trace trace = trace_of(kPlainSgd);
  ASSERT_EQ(trace.ops.size(), 4U);  // reshape, linear+relu, linear, cross_entropy
  const TracedOp &hidden = trace.ops[1], &output = trace.ops[2], &loss = trace.ops[3];
  EXPECT_EQ(hidden.op + "+" + hidden.note, "linear+relu");
  EXPECT_EQ(output.note, "");
  // 2·m·n·k, and once more for each matrix that has a gradient: the batch has none.
  EXPECT_EQ(hidden.forward.flops, 2.0 * 20 * 784 * 16);
  EXPECT_EQ(hidden.backward.flops, 2.0 * 20 * 784 * 16);
  EXPECT_EQ(output.forward.flops, 2.0 * 20 * 16 * 10);
  EXPECT_EQ(output.backward.flops, 2 * 2.0 * 20 * 16 * 10);
  EXPECT_EQ(output.forward.bytes, 4 * (20 * 16 + 16 * 10 + 10 + 20 * 10));

  ASSERT_EQ(output.inputs.size(), 3U);
  EXPECT_EQ(output.inputs[0].name, "3.weight");
  EXPECT_EQ(output.inputs[1].name, "3.bias");
  EXPECT_EQ(output.inputs[2].op, 1);
  EXPECT_EQ(loss.inputs[0].op, 2);
  EXPECT_FALSE(trace.ops[0].has_backward);
  EXPECT_EQ(trace.ops[0].inputs[0].name, "input");
  EXPECT_GE(hidden.output.zeros, 0.05) << "after a relu";
  EXPECT_EQ(hidden.output.min, 0);
  EXPECT_EQ(loss.gradient.mean, 1);
  EXPECT_EQ(trace.samples, 20);
}

TEST(StepTrace, KnowsWhatIsSavedAndUntilWhen) {
  const Trace trace = trace_of(kPlainSgd);
  // The batch and the output of the relu, which the next op holds too.
  EXPECT_EQ(bytes_saved(trace, trace.ops[1]), (std::vector<i64>{20 * 16 * 4, 20 * 784 * 4}));
  EXPECT_EQ(bytes_saved(trace, trace.ops[2]), (std::vector<i64>{20 * 16 * 4}));
  const TracedTensor& shared = trace.tensors.at(static_cast<std::size_t>(trace.ops[2].saved[0]));
  EXPECT_EQ(shared.op, 1);
  EXPECT_EQ(shared.saved_by, (std::vector<i64>{1, 2}));
  const auto moment = [&](i64 index) { return trace.moments.at(static_cast<std::size_t>(index)); };
  EXPECT_EQ(moment(shared.born).op, 1);
  EXPECT_EQ(moment(shared.born).kind, Moment::Kind::forward);
  EXPECT_EQ(moment(shared.died).op, 1);
  EXPECT_EQ(moment(shared.died).kind, Moment::Kind::backward);
  // The logits, and the sums of the softmax.
  EXPECT_EQ(bytes_saved(trace, trace.ops[3]).back(), 20 * 10 * 4);

  EXPECT_EQ(trace.moments.front().kind, Moment::Kind::prepare);
  EXPECT_EQ(trace.moments.back().kind, Moment::Kind::update);
  const i64 at_loss = moment(shared.died).peak_bytes;
  EXPECT_GE(at_loss, 4 * (20 * 784 + 20 * 16));
  EXPECT_LT(trace.moments.back().end_bytes, 20 * 784 * 4) << "the batch is freed";
  EXPECT_EQ(trace.lasting.optimizer_state, 0);
  EXPECT_GE(trace.lasting.parameters, 4 * (784 * 16 + 16 + 16 * 10 + 10));
}

// The learning rate is a power of two, so that lr·g is exact and w − lr·g is rounded once.
TEST(StepTrace, UpdatesAreThoseOfSgdToTheBit) {
  const Trace trace = trace_of(kPlainSgd);
  ASSERT_EQ(trace.parameters.size(), 4U);
  EXPECT_TRUE(trace.update.applied);
  for (const TracedParameter& p : trace.parameters) {
    EXPECT_TRUE(p.trains) << p.name;
    EXPECT_EQ(p.lr, 0.0625);
    ASSERT_EQ(p.examples.size(), 4U) << p.name;
    for (const TracedElement& e : p.examples) {
      EXPECT_NE(e.gradient, 0) << p.name;
      EXPECT_EQ(static_cast<float>(e.after), static_cast<float>(e.before - 0.0625 * e.gradient));
    }
    EXPECT_NEAR(p.update.norm, 0.0625 * p.gradient.norm, 1e-4 * p.update.norm) << p.name;
  }
  EXPECT_LT(trace.loss_after, trace.loss);
}

TEST(StepTrace, HasTheStateOfTheOptimizer) {
  const Trace trace = trace_of("optimizer: {type: adamw, lr: 1e-3}\n");
  EXPECT_EQ(trace.update.slots, (std::vector<std::string>{"mean", "mean_square"}));
  for (const TracedParameter& p : trace.parameters) {
    ASSERT_EQ(p.state.size(), 2U);
    const TracedElement& e = p.examples.front();
    ASSERT_EQ(e.state_before.size(), 2U);
    EXPECT_NEAR(e.state_after[0], 0.9 * e.state_before[0] + 0.1 * e.gradient,
                1e-6 * (std::abs(e.gradient) + std::abs(e.state_before[0])));
  }
}

TEST(StepTrace, ClippingIsShown) {
  const Trace trace = trace_of(kPlainSgd, "{type: mlp, hidden: [16]}", ", clip_norm: 0.01");
  EXPECT_GT(trace.update.grad_norm, 0.01);
  EXPECT_NEAR(trace.update.clip_factor * trace.update.grad_norm, 0.01, 1e-5);
  const TracedElement& e = trace.parameters.front().examples.front();
  EXPECT_NEAR(e.after - e.before, -0.0625 * trace.update.clip_factor * e.gradient, 1e-7);
}

TEST(StepTrace, AccumulatedBatchesFollowEachOther) {
  const Trace trace = trace_of(kPlainSgd, "{type: mlp, hidden: [16]}", ", accumulate: 2");
  ASSERT_EQ(trace.ops.size(), 8U);
  EXPECT_EQ(trace.ops[3].micro_batch, 0);
  EXPECT_EQ(trace.ops[4].micro_batch, 1);
  EXPECT_EQ(trace.samples, 40);
  EXPECT_EQ(trace.ops[6].inputs[2].op, 5);
  EXPECT_LT(trace.loss_after, trace.loss);
}

TEST(StepTrace, FrozenLayersHaveNoBackwardPass) {
  const Trace trace =
      trace_of("strategy: {type: staged_unfreeze, stages: [{at: 0ep, train: ['3.*']}]}\n");
  EXPECT_FALSE(trace.ops[1].has_backward);
  EXPECT_TRUE(trace.ops[1].saved.empty());
  EXPECT_TRUE(trace.ops[2].has_backward);
  for (const TracedParameter& p : trace.parameters)
    EXPECT_EQ(p.trains, p.name.starts_with("3.")) << p.name;
  EXPECT_NE(to_text(trace).find("frozen"), std::string::npos);
}

TEST(StepTrace, ConvolutionsHavePicturesAndBf16SavesHalfAsMuch) {
  const std::string model = "{type: cnn, channels: [4], hidden: 8}";
  const Trace full = trace_of(kPlainSgd, model);
  const TracedOp& conv = first(full, "conv2d");
  // Nine taps of one channel, for each of 20·28·28 pixels and 4 filters.
  EXPECT_EQ(conv.forward.flops, 2.0 * 20 * 28 * 28 * 4 * 9);
  EXPECT_GT(conv.maps.width, 28);
  ASSERT_EQ(full.pictures.size(), 2U);
  EXPECT_EQ(full.pictures[0].name, "input");
  EXPECT_EQ(full.pictures[1].picture.width, 4 * 3 + 3);

  const Trace half = trace_of(std::string(kPlainSgd) + "precision: bf16\n", model);
  EXPECT_EQ(half.machine.compute_dtype, DType::bf16);
  const TracedOp &dense = first(full, "linear"), &half_dense = first(half, "linear");
  EXPECT_EQ(bytes_saved(full, dense).back(), 2 * bytes_saved(half, half_dense).back());
}

TEST(StepTrace, TimesAddUpToTheStep) {
  const Trace trace = trace_of(kPlainSgd);
  double in_ops = trace.update.seconds, end = 0;
  for (const TracedOp& op : trace.ops) {
    EXPECT_GT(op.forward.seconds, 0);
    EXPECT_GE(op.forward.begin, end) << op.op;
    end = op.forward.begin + op.forward.seconds;
    in_ops += op.forward.seconds + op.backward.seconds;
  }
  EXPECT_LE(in_ops, trace.seconds);
  EXPECT_GE(trace.update.begin, end);
  for (std::size_t i = 1; i < trace.moments.size(); ++i)
    EXPECT_GE(trace.moments[i].begin, trace.moments[i - 1].begin) << i;
}

TEST(StepTrace, EventsForChromeHaveEveryOp) {
  const Trace trace = trace_of(kPlainSgd);
  const auto json = parse_json<nlohmann::json>(to_perfetto(trace), "events");
  int complete = 0, counters = 0;
  for (const auto& event : json.at("traceEvents")) {
    if (event.at("ph") == "X") {
      ++complete;
      EXPECT_GE(event.at("dur").get<double>(), 0);
    }
    counters += event.at("ph") == "C" ? 1 : 0;
  }
  EXPECT_GE(complete, 4 + 3 + 2);  // forward, backward, preparation and update
  EXPECT_EQ(counters, 2 * static_cast<int>(trace.moments.size()));
}

}  // namespace
}  // namespace weft::train
