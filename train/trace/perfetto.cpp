// SPDX-License-Identifier: Apache-2.0
// The format is that of Chrome's "Trace Event Format": complete events (ph X) with microseconds,
// counters (ph C), and names of tracks (ph M).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/train/trace/trace.h"

namespace weft::train {
namespace {

using Json = nlohmann::ordered_json;
enum Track { kForward = 1, kBackward, kUpdate };

Json event(const std::string& name, Track track, double begin, double seconds, Json arguments) {
  return {{"name", name},
          {"ph", "X"},
          {"pid", 1},
          {"tid", track},
          {"ts", begin * 1e6},
          {"dur", seconds * 1e6},
          {"args", std::move(arguments)}};
}

Json named_track(const char* what, int track, const std::string& name) {
  return {{"name", what}, {"ph", "M"}, {"pid", 1}, {"tid", track}, {"args", {{"name", name}}}};
}

std::string title(const TracedOp& op) {
  const std::string name = op.note.empty() ? op.op : op.op + "+" + op.note;
  return op.scope.empty() ? name : op.scope + ": " + name;
}

Json arguments_of(const TracedOp& op, const TracedPass& pass) {
  Json inputs = Json::array();
  for (const TracedInput& input : op.inputs)
    inputs.push_back(input.shape.to_string() + " " + std::string(name_of(input.dtype)));
  return {{"module", op.scope},           {"output", op.shape.to_string()},
          {"dtype", name_of(op.dtype)},   {"inputs", inputs},
          {"FLOPs", pass.flops},          {"bytes", pass.bytes},
          {"micro-batch", op.micro_batch}};
}

// The first moment and the last have no op; between them others may: the preparation of batches.
const char* name_of(Moment::Kind kind) {
  return kind == Moment::Kind::update ? "update" : "preparation";
}

}  // namespace

std::string to_perfetto(const Trace& trace) {
  Json events = Json::array();
  events.push_back(named_track("process_name", 0, "weft: one training step"));
  events.push_back(named_track("thread_name", kForward, "forward"));
  events.push_back(named_track("thread_name", kBackward, "backward"));
  events.push_back(named_track("thread_name", kUpdate, "batch and update"));
  for (const TracedOp& op : trace.ops) {
    events.push_back(event(title(op), kForward, op.forward.begin, op.forward.seconds,
                           arguments_of(op, op.forward)));
    if (op.has_backward)
      events.push_back(event(title(op), kBackward, op.backward.begin, op.backward.seconds,
                             arguments_of(op, op.backward)));
  }
  const double lasting = static_cast<double>(trace.lasting.parameters + trace.lasting.gradients +
                                             trace.lasting.optimizer_state);
  for (std::size_t i = 0; i < trace.moments.size(); ++i) {
    const Moment& moment = trace.moments[i];
    const double end = i + 1 < trace.moments.size() ? trace.moments[i + 1].begin : trace.seconds;
    if (moment.op < 0)
      events.push_back(
          event(name_of(moment.kind), kUpdate, moment.begin, end - moment.begin, Json::object()));
    for (const auto& [at, bytes] :
         {std::pair(moment.begin, moment.peak_bytes), std::pair(end, moment.end_bytes)})
      events.push_back({{"name", "memory"},
                        {"ph", "C"},
                        {"pid", 1},
                        {"ts", at * 1e6},
                        {"args", {{"of this step, bytes", bytes}, {"lasting, bytes", lasting}}}});
  }
  return Json{{"displayTimeUnit", "ns"}, {"traceEvents", events}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weft::train
