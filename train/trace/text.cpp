// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <fmt/format.h>

#include "weft/train/trace/trace.h"

namespace weft::train {
namespace {

// "linear+relu"
std::string named(const TracedOp& op) { return op.note.empty() ? op.op : op.op + "+" + op.note; }

std::string table_of_ops(const Trace& trace) {
  std::string text = fmt::format("{:<24} {:<20} {:<20} {:<5} {:>11} {:>11} {:>11} {:>12} {:>12}\n",
                                 "module", "op", "output", "dtype", "bytes", "forward µs",
                                 "backward µs", "FLOPs", "gradient norm");
  for (const TracedOp& op : trace.ops)
    text +=
        fmt::format("{:<24} {:<20} {:<20} {:<5} {:>11} {:>11.1f} {:>11.1f} {:>12.4g} {:>12}\n",
                    op.scope, named(op), op.shape.to_string(), name_of(op.dtype), op.output_bytes(),
                    op.forward.seconds * 1e6, op.backward.seconds * 1e6, op.forward.flops,
                    op.has_backward ? fmt::format("{:.4g}", op.gradient.norm) : "-");
  return text;
}

std::string table_of_parameters(const Trace& trace) {
  std::string text = fmt::format("\n{:<32} {:<20} {:>12} {:>12} {:>12} {:>10}\n", "parameter",
                                 "shape", "norm", "gradient", "update", "lr");
  for (const TracedParameter& p : trace.parameters) {
    text += fmt::format("{:<32} {:<20} {:>12.4g} ", p.name, p.shape.to_string(), p.before.norm);
    text += p.trains ? fmt::format("{:>12.4g} {:>12.4g} {:>10.4g}\n", p.gradient.norm,
                                   p.update.norm, p.lr)
                     : fmt::format("{:>12} {:>12} {:>10}\n", "-", "-", "frozen");
  }
  return text;
}

double seconds_of_ops(const Trace& trace) {
  double seconds = 0;
  for (const TracedOp& op : trace.ops) seconds += op.forward.seconds + op.backward.seconds;
  return seconds;
}

}  // namespace

std::string to_text(const Trace& trace) {
  std::string text = table_of_ops(trace) + table_of_parameters(trace);
  text += fmt::format("\nloss {:.4g}; batch preparation and update {:.1f} µs\n", trace.loss,
                      (trace.seconds - seconds_of_ops(trace)) * 1e6);
  text += trace.update.applied
              ? fmt::format("the same batch after the update: loss {:.4g}\n", trace.loss_after)
              : "the update was skipped, because a gradient was not finite\n";
  if (trace.update.clip_factor < 1)
    text += fmt::format("gradients of norm {:.4g} were clipped to {:.4g}\n", trace.update.grad_norm,
                        trace.update.clip_norm);
  if (!trace.ranks.empty())
    text += fmt::format("{:<6} {:>12} {:>16} {:>11} {:>15}\n", "rank", "computing µs",
                        "communicating µs", "waiting µs", "bytes exchanged");
  for (std::size_t i = 0; i < trace.ranks.size(); ++i) {
    const RankTimes& rank = trace.ranks[i];
    text += fmt::format("{:<6} {:>12.1f} {:>16.1f} {:>11.1f} {:>15}\n", i, rank.computing * 1e6,
                        rank.communicating * 1e6, rank.waiting * 1e6, rank.bytes);
  }
  return text;
}

}  // namespace weft::train
