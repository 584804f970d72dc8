// SPDX-License-Identifier: Apache-2.0
// The events of TensorBoard's files: tensorflow/core/util/event.proto and
// tensorflow/core/framework/summary.proto, and for hyperparameters
// tensorboard/plugins/hparams/{plugin_data,api}.proto.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "weft/train/loggers/histogram.h"
#include "weft/train/loggers/picture_grid.h"
#include "weft/train/loggers/protobuf.h"

namespace weft::train {

// Wall times are seconds since 1970.

// The first event of a file.
std::string file_version_event(double wall_time);
// A process begins to write. TensorBoard drops the events that earlier processes wrote for this
// step and later ones.
std::string session_start_event(double wall_time, i64 step);

// Several values of one step.
class SummaryEvent {
 public:
  void scalar(std::string_view tag, double value);
  void histogram(std::string_view tag, const Histogram& histogram);
  void picture(std::string_view tag, const data::Pixels& pixels);
  // TensorBoard shows the text as Markdown.
  void text(std::string_view tag, std::string_view text);
  // The values of a flat config (config::flatten). TensorBoard shows them beside the last value of
  // each scalar.
  void hyperparameters(const std::map<std::string, std::string>& values, double started);
  void end_of_session(bool succeeded, double ended);

  bool empty() const { return summary_.empty(); }
  std::string event(double wall_time, i64 step) const;

 private:
  void plugin_value(std::string_view tag, std::string_view plugin, const Protobuf& content,
                    const Protobuf& tensor);
  Protobuf summary_;
};

}  // namespace weft::train
