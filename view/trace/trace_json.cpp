// SPDX-License-Identifier: Apache-2.0
#include "weft/view/trace/trace_json.h"

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/autograd/formulas.h"
#include "weft/view/pixels.h"

namespace weft::view {
namespace {

using Json = nlohmann::ordered_json;
using train::Trace;

Json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<i64>(value);
  return std::stod(fmt::format("{:.6g}", value));
}

Json exact(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const train::Statistics& s) {
  if (s.elements == 0) return nullptr;
  return {{"n", s.elements},        {"bad", s.non_finite},      {"mean", number(s.mean)},
          {"std", number(s.std)},   {"min", number(s.min)},     {"max", number(s.max)},
          {"norm", number(s.norm)}, {"zeros", number(s.zeros)}, {"hist", s.histogram}};
}

Json json_of(const train::TracedPass& pass, const train::Machine& machine, bool is_product) {
  const double least =
      machine.least_seconds(pass.flops, static_cast<double>(pass.bytes), is_product);
  return {{"at", number(pass.begin)},
          {"s", number(pass.seconds)},
          {"flops", number(pass.flops)},
          {"bytes", pass.bytes},
          {"roof", pass.seconds > 0 ? number(least / pass.seconds) : Json(nullptr)}};
}

Json json_of(const train::TracedOp& op, const train::Machine& machine) {
  Json inputs = Json::array();
  for (const train::TracedInput& input : op.inputs)
    inputs.push_back({{"op", input.op},
                      {"name", input.name},
                      {"shape", input.shape.to_string()},
                      {"dtype", name_of(input.dtype)},
                      {"grad", input.requires_grad}});
  const OpFormula* formula = formula_of(op.op);
  const bool is_product = formula != nullptr && formula->work.is_product;
  Json json{{"module", op.scope},
            {"op", op.op},
            {"note", op.note},
            {"shape", op.shape.to_string()},
            {"dtype", name_of(op.dtype)},
            {"bytes", op.output_bytes()},
            {"batch", op.micro_batch},
            {"in", inputs},
            {"f", json_of(op.forward, machine, is_product)},
            {"b", op.has_backward ? json_of(op.backward, machine, is_product) : Json(nullptr)},
            {"out", json_of(op.output)},
            {"grad", json_of(op.gradient)},
            {"saved", op.saved}};
  if (op.maps.width > 0)
    json["maps"] = {{"w", op.maps.width}, {"h", op.maps.height}, {"uri", data_uri_of(op.maps)}};
  return json;
}

Json formulas_of(const Trace& trace) {
  std::set<std::string> names;
  for (const train::TracedOp& op : trace.ops) names.insert(op.op);
  Json formulas = Json::object();
  for (const std::string& name : names)
    if (const OpFormula* formula = formula_of(name))
      formulas[name] = {{"f", formula->forward},
                        {"b", formula->backward},
                        {"contract", formula->contract},
                        {"product", formula->work.is_product}};
  return formulas;
}

Json memory_of(const Trace& trace) {
  constexpr const char* kKinds[] = {"prepare", "forward", "backward", "update"};
  Json moments = Json::array(), tensors = Json::array();
  for (const train::Moment& moment : trace.moments)
    moments.push_back({{"kind", kKinds[static_cast<std::size_t>(moment.kind)]},
                       {"op", moment.op},
                       {"at", number(moment.begin)},
                       {"peak", moment.peak_bytes},
                       {"end", moment.end_bytes}});
  for (const train::TracedTensor& tensor : trace.tensors)
    tensors.push_back({tensor.bytes, tensor.op, tensor.born, tensor.died, Json(tensor.saved_by)});
  return {{"moments", moments},
          {"tensors", tensors},
          {"parameters", trace.lasting.parameters},
          {"gradients", trace.lasting.gradients},
          {"state", trace.lasting.optimizer_state}};
}

Json json_of(const train::TracedElement& element) {
  Json before = Json::array(), after = Json::array();
  for (const double value : element.state_before) before.push_back(exact(value));
  for (const double value : element.state_after) after.push_back(exact(value));
  return {{"i", element.index},
          {"before", exact(element.before)},
          {"grad", exact(element.gradient)},
          {"after", exact(element.after)},
          {"s0", before},
          {"s1", after}};
}

Json json_of(const train::TracedParameter& p) {
  Json state = Json::array(), examples = Json::array();
  for (const train::Statistics& slot : p.state) state.push_back(json_of(slot));
  for (const train::TracedElement& element : p.examples) examples.push_back(json_of(element));
  return {{"name", p.name},
          {"optimizer", p.optimizer},
          {"shape", p.shape.to_string()},
          {"trains", p.trains},
          {"lr", number(p.lr)},
          {"before", json_of(p.before)},
          {"grad", json_of(p.gradient)},
          {"update", json_of(p.update)},
          {"after", json_of(p.after)},
          {"state", state},
          {"examples", examples}};
}

Json update_of(const Trace& trace) {
  const train::TracedUpdate& update = trace.update;
  Json parameters = Json::array();
  for (const train::TracedParameter& p : trace.parameters) parameters.push_back(json_of(p));
  return {{"optimizers", update.optimizers},    {"slots", update.slots},
          {"applied", update.applied},          {"norm", number(update.grad_norm)},
          {"clip", number(update.clip_norm)},   {"factor", number(update.clip_factor)},
          {"scale", number(update.loss_scale)}, {"at", number(update.begin)},
          {"s", number(update.seconds)},        {"parameters", parameters}};
}

Json machine_of(const train::Machine& machine) {
  return {{"device", machine.device},
          {"threads", machine.threads},
          {"bytes", number(machine.bytes_per_second)},
          {"flops", number(machine.flops_per_second)},
          {"dtype", name_of(machine.compute_dtype)},
          {"compute", number(machine.compute_flops_per_second)},
          {"s", number(machine.seconds)}};
}

}  // namespace

std::string to_json(const Trace& trace) {
  Json ops = Json::array(), modules = Json::array(), pictures = Json::array(),
       ranks = Json::array();
  for (const train::TracedOp& op : trace.ops) ops.push_back(json_of(op, trace.machine));
  for (const train::TracedModule& each : trace.modules) modules.push_back({each.path, each.label});
  for (const train::NamedPicture& each : trace.pictures)
    pictures.push_back({{"name", each.name},
                        {"w", each.picture.width},
                        {"h", each.picture.height},
                        {"uri", data_uri_of(each.picture)}});
  for (const train::RankTimes& each : trace.ranks)
    ranks.push_back(
        {number(each.computing), number(each.communicating), number(each.waiting), each.bytes});
  const Json json{{"ops", ops},
                  {"formulas", formulas_of(trace)},
                  {"memory", memory_of(trace)},
                  {"update", update_of(trace)},
                  {"modules", modules},
                  {"pictures", pictures},
                  {"ranks", ranks},
                  {"machine", machine_of(trace.machine)},
                  {"loss", number(trace.loss)},
                  {"lossAfter", number(trace.loss_after)},
                  {"seconds", number(trace.seconds)},
                  {"samples", trace.samples}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weft::view
