// SPDX-License-Identifier: Apache-2.0
#include "weft/view/trace/trace_page.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "weft/view/scale.h"
#include "weft/view/trace/trace_json.h"

namespace weft::view {
namespace {

using train::Trace;

std::string scaled(double value, double base, const char* const (&units)[5]) {
  std::size_t unit = 0;
  for (; std::abs(value) >= base && unit + 1 < std::size(units); ++unit) value /= base;
  return fmt::format("{:.3g} {}", value, units[unit]);
}
std::string bytes_text(double bytes) {
  return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB"});
}
std::string flops_text(double flops) {
  return scaled(flops, 1000, {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"});
}
std::string time_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.3g} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} µs", seconds * 1e6);
}

// Four digits, zeros at the end too, so that two losses have the same digits.
std::string trace_loss_text(double loss) {
  const double size = std::abs(loss);
  if (!(size >= 1e-4 && size < 1e4)) return fmt::format("{:.4g}", loss);
  return fmt::format("{:.{}f}", loss, 3 - static_cast<int>(std::floor(std::log10(size))));
}

std::string card(const std::string& value, const std::string& name) {
  return fmt::format("<div class=\"card\"><b>{}</b><span>{}</span></div>\n", escaped(value),
                     escaped(name));
}

std::string cards(const Trace& trace) {
  double flops = 0;
  for (const train::TracedOp& op : trace.ops) flops += op.forward.flops + op.backward.flops;
  i64 peak = 0, parameters = 0, saved = 0;
  for (const train::Moment& moment : trace.moments) peak = std::max(peak, moment.peak_bytes);
  for (const train::TracedParameter& p : trace.parameters) parameters += p.before.elements;
  for (const train::TracedTensor& tensor : trace.tensors)
    if (!tensor.saved_by.empty()) saved += tensor.bytes;
  const train::LastingMemory& lasting = trace.lasting;
  peak += lasting.parameters + lasting.gradients + lasting.optimizer_state;
  const std::string after = std::isfinite(trace.loss_after) ? trace_loss_text(trace.loss_after)
                                                            : std::string("not finite");
  return "<div class=\"cards\">\n" +
         card(trace_loss_text(trace.loss) + " → " + after,
              "loss of this batch, before and after the update") +
         card(time_text(trace.seconds), "for " + counted(trace.samples, "sample")) +
         card(flops_text(flops), "forward and backward") +
         card(fmt::format("{}", trace.ops.size()), "ops on the tape") +
         card(number_text(static_cast<double>(parameters)), "parameters") +
         card(bytes_text(static_cast<double>(saved)), "saved for the backward pass") +
         card(bytes_text(static_cast<double>(peak)), "of tensors at the peak") + "</div>\n";
}

std::string section(const char* id, const char* title, const std::string& text,
                    const std::string& content) {
  return fmt::format(
      "<section aria-label=\"{1}\">\n<h2 id=\"section-{0}\">{1}</h2>\n<p>{2}</p>\n{3}"
      "</section>\n",
      id, title, text, content);
}
std::string place(const char* id) { return fmt::format("<div id=\"{}\"></div>\n", id); }

// The graph has the ops of one batch.
std::string graph_section(const Trace& trace) {
  i64 batches = 1;
  for (const train::TracedOp& op : trace.ops) batches = std::max(batches, op.micro_batch + 1);
  std::string text =
      "What the tape recorded, from the batch to the loss. The backward pass follows the solid "
      "arrows in reverse; no gradient flows along dashed ones.";
  if (batches > 1)
    text +=
        fmt::format(" The step adds up the gradients of {} batches; this is the first.", batches);
  return section("graph", "Graph", text, "<div class=\"scroll\">" + place("graph") + "</div>\n");
}

std::string pictures_section(const Trace& trace) {
  if (trace.pictures.empty()) return "";
  return section("pictures", "Pictures",
                 "The weights of the first layer as pictures: grey is 0. The feature maps of an op "
                 "are shown with it, above.",
                 place("pictures"));
}

std::string ranks_table(const Trace& trace) {
  if (trace.ranks.empty()) return "";
  std::string rows =
      "<div class=\"wide\"><table><tr><th>rank</th><th class=\"number\">computing</th>"
      "<th class=\"number\">communicating</th><th class=\"number\">waiting</th>"
      "<th class=\"number\">exchanged</th></tr>\n";
  for (std::size_t i = 0; i < trace.ranks.size(); ++i) {
    const train::RankTimes& rank = trace.ranks[i];
    rows += fmt::format(
        "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
        i, time_text(rank.computing), time_text(rank.communicating), time_text(rank.waiting),
        bytes_text(static_cast<double>(rank.bytes)));
  }
  return section(
      "ranks", "Ranks",
      "Each rank makes the step with its share of the batch. All else on this page is of "
      "rank 0.",
      rows + "</table></div>\n");
}

std::string method(const train::Machine& machine) {
  std::string text = fmt::format(
      "Measured on {} ({} of the CPU) in {}: a large copy moves {}/s, and a square product "
      "of f32 reaches {}/s",
      escaped(machine.device), counted(machine.threads, "thread"), time_text(machine.seconds),
      bytes_text(machine.bytes_per_second), flops_text(machine.flops_per_second));
  if (machine.compute_dtype != DType::f32)
    text += fmt::format(", one of {} {}/s", name_of(machine.compute_dtype),
                        flops_text(machine.compute_flops_per_second));
  return text +
         ". The share of the roof is the shortest time that these speeds allow for the FLOPs and the "
         "bytes of an op, divided by its time. It is above 100 % where a tensor comes from a cache, "
         "and where a convolution takes fewer products than its formula (Winograd's filtering). "
         "Products count 2 FLOPs for each term; bias and fused activation count nothing. The bytes "
         "are those of the tensors that an op reads and writes. The clock stands still while tensors "
         "are measured, and on a GPU the host waits for each op, so a step in training is no slower "
         "than this one.";
}

}  // namespace

Page trace_page(const Trace& trace, const std::string& config) {
  const std::string model = trace.modules.empty() ? "" : trace.modules.front().label;
  std::string body = fmt::format(
      "<header>\n<h1>One training step, opened</h1>\n<p class=\"soft\">{} · {} · {}</p>\n",
      escaped(config), escaped(model), escaped(trace.machine.device));
  body += cards(trace);
  body +=
      "<nav class=\"contents\" aria-label=\"contents\"><a href=\"#section-time\">Time</a> "
      "<a href=\"#section-ops\">Ops</a> <a href=\"#section-graph\">Graph</a> "
      "<a href=\"#section-memory\">Memory</a> <a href=\"#section-update\">Update</a> ";
  if (!trace.pictures.empty()) body += "<a href=\"#section-pictures\">Pictures</a> ";
  body += "<a href=\"#section-roof\">Roofline</a></nav>\n</header>\n<main>\n";
  body += "<noscript><p>The drawings of this page need scripts. The same step as text:</p><pre>" +
          escaped(train::to_text(trace)) + "</pre></noscript>\n";
  body +=
      section("time", "Time",
              "The forward pass runs the ops of the model in order, the backward pass runs them "
              "in reverse, and the update changes the parameters. “Other” is the preparation of a "
              "batch and the sum of its loss. Select a bar to see its op.",
              place("time") + "<div class=\"wide\" id=\"kinds\"></div>\n");
  body += section("ops", "Ops, by module",
                  "Unfold a module to see its ops, and an op to see its formula, what it reads and "
                  "keeps, and what its output and gradient look like.",
                  place("ops"));
  body += graph_section(trace);
  body += section(
      "memory", "Memory",
      "What the tensors of this step hold from moment to moment. An output that a "
      "backward function needs stays until that function has run.",
      place("memory") + "<h3>Saved for the backward pass, and until when</h3>\n" + place("saved"));
  body += section("update", "Update",
                  "Each parameter before the step, its gradient of the mean loss, the state of the "
                  "optimizer, and the parameter afterwards.",
                  place("parameters"));
  body += pictures_section(trace);
  body +=
      section("roof", "Roofline",
              "No op can be faster than the machine moves its bytes (the slope) or computes its "
              "FLOPs (the flat roof). Full: forward; hollow: backward.",
              place("roofline"));
  body += ranks_table(trace);
  body += "<section aria-label=\"method\"><h2>How this was measured</h2>\n<p class=\"soft\">" +
          method(trace.machine) + "</p>\n</section>\n</main>\n";
  return {.title = "One training step: " + config,
          .body = std::move(body),
          .data = {{"trace", to_json(trace)}},
          .styles = {"trace.css"},
          .scripts = {"trace_base.js", "trace_time.js", "trace_ops.js", "trace_graph.js",
                      "trace_memory.js", "trace_update.js"}};
}

}  // namespace weft::view
