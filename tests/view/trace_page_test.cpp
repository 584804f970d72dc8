// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/core/json.h"
#include "weft/view/trace/trace_json.h"
#include "weft/view/trace/trace_page.h"

namespace weft::view {
namespace {

train::Trace small_trace(const std::string& name) {
  train::Trace trace;
  trace.modules = {{"", name}, {name, "Linear(2, 3)"}};
  train::TracedOp op{.scope = name, .op = "linear", .note = "relu", .shape = {2, 3}};
  op.forward = {.begin = 0, .seconds = 1e-3, .flops = 24, .bytes = 80};
  op.inputs = {{.name = name + ".weight", .shape = {3, 2}, .requires_grad = true}};
  op.output = {.elements = 6, .std = 1, .min = -1, .max = 1, .histogram = {3, 3}};
  op.maps = {.height = 1, .width = 2, .channels = 1, .bytes = {0, 255}};
  trace.ops.push_back(op);
  trace.moments = {{.kind = train::Moment::Kind::forward, .op = 0, .peak_bytes = 24}};
  trace.tensors = {{.bytes = 24, .op = 0, .saved_by = {0}}};
  trace.machine = {.device = "cpu",
                   .bytes_per_second = 1e6,
                   .flops_per_second = 1e6,
                   .compute_flops_per_second = 1e6};
  trace.loss_after = std::numeric_limits<double>::quiet_NaN();
  return trace;
}

TEST(TracePage, HasTheShareOfTheRoofAndTheFormula) {
  const auto json = parse_json<nlohmann::json>(to_json(small_trace("fc")), "trace");
  const auto& op = json.at("ops").at(0);
  // 80 bytes take 80 µs of the 1 ms, which is more than 24 FLOPs take.
  EXPECT_DOUBLE_EQ(op.at("f").at("roof").get<double>(), 0.08);
  EXPECT_TRUE(op.at("b").is_null());
  EXPECT_EQ(op.at("maps").at("uri").get<std::string>().rfind("data:image/png;base64,", 0), 0U);
  EXPECT_EQ(json.at("formulas").at("linear").at("f"), "y = act(x·wᵀ + b)");
  EXPECT_TRUE(json.at("lossAfter").is_null());
}

TEST(TracePage, LossesHaveTheSameDigitsAndParametersACommaEach) {
  train::Trace trace = small_trace("fc");
  trace.loss = 2.353;
  trace.loss_after = 2.27;
  trace.parameters = {{.name = "fc.weight", .before = {.elements = 15242}}};
  const std::string html = to_html(trace_page(trace, "x.yaml"));
  EXPECT_NE(html.find("<b>2.353 → 2.270</b>"), std::string::npos);
  EXPECT_NE(html.find("<b>15,242</b><span>parameters</span>"), std::string::npos);
  trace.loss = 12345;
  trace.loss_after = 1234;
  EXPECT_NE(to_html(trace_page(trace, "x.yaml")).find("<b>1.234e+04 → 1234</b>"),
            std::string::npos);
}

TEST(TracePage, NamesAreTextAndNothingElse) {
  const std::string name = "<b>\"&</script><!--\xff";
  const std::string html = to_html(trace_page(small_trace(name), name));
  EXPECT_EQ(html.find("<b>\""), std::string::npos);
  EXPECT_EQ(html.find("</script><!--"), std::string::npos);
  EXPECT_NE(html.find("not finite"), std::string::npos);
  EXPECT_EQ(html.find("http://"), html.find("http://www.w3.org/2000/svg"));
}

TEST(TracePage, HasPicturesIfTheTraceHas) {
  train::Trace trace = small_trace("fc");
  EXPECT_EQ(trace_page(trace, "x.yaml").body.find("pictures"), std::string::npos);
  trace.pictures.push_back({"input", {.height = 1, .width = 2, .channels = 1, .bytes = {0, 255}}});
  const std::string body = trace_page(trace, "x.yaml").body;
  EXPECT_NE(body.find("href=\"#section-pictures\""), std::string::npos);
  EXPECT_NE(body.find("id=\"pictures\""), std::string::npos);
}

TEST(TracePage, SaysThatTheGraphIsOfTheFirstOfSeveralBatches) {
  train::Trace trace = small_trace("fc");
  EXPECT_EQ(trace_page(trace, "x.yaml").body.find("this is the first"), std::string::npos);
  trace.ops.push_back(trace.ops.front());
  trace.ops.back().micro_batch = 1;
  EXPECT_NE(trace_page(trace, "x.yaml").body.find("of 2 batches; this is the first"),
            std::string::npos);
}

TEST(TracePage, AnEmptyTraceIsAPage) {
  EXPECT_NE(to_html(trace_page({}, "x.yaml")).find("</html>"), std::string::npos);
}

}  // namespace
}  // namespace weft::view
