// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/summary_event.h"

#include "weft/train/loggers/event_values.h"

namespace weft::train {
namespace {

// google.protobuf.Value of a value in a config.
Protobuf value_of(const std::string& text) {
  const PlainValue plain = plain_value(text);
  Protobuf value;
  if (const auto* number = std::get_if<double>(&plain)) return value.number(2, *number);
  if (const auto* on = std::get_if<bool>(&plain)) return value.integer(4, *on ? 1 : 0);
  return value.bytes(3, text);
}

// TensorProto of one text.
Protobuf text_tensor(std::string_view text) {
  constexpr int kString = 7;  // DT_STRING
  Protobuf one, shape, tensor;
  one.integer(1, 1);
  shape.message(2, one);
  return tensor.integer(1, kString).message(2, shape).bytes(8, text);
}

// TensorProto of no numbers, for a value whose content is its metadata.
Protobuf no_tensor() {
  constexpr int kFloat = 1;  // DT_FLOAT
  Protobuf none, shape, tensor;
  none.integer(1, 0);
  shape.message(2, none);
  return tensor.integer(1, kFloat).message(2, shape);
}

Protobuf event_at(double wall_time) {
  Protobuf event;
  return event.number(1, wall_time);
}

}  // namespace

std::string file_version_event(double wall_time) {
  return event_at(wall_time).bytes(3, "brain.Event:2").text();
}

std::string session_start_event(double wall_time, i64 step) {
  constexpr int kStart = 1;  // SessionLog.START
  Protobuf session;
  session.integer(1, kStart);
  return event_at(wall_time).integer(2, step).message(7, session).text();
}

void SummaryEvent::scalar(std::string_view tag, double value) {
  Protobuf entry;
  summary_.message(1, entry.bytes(1, tag).number(2, static_cast<float>(value)));
}

void SummaryEvent::histogram(std::string_view tag, const Histogram& histogram) {
  Protobuf histo, entry;
  histo.number(1, histogram.least).number(2, histogram.greatest).number(3, histogram.count);
  histo.number(4, histogram.sum).number(5, histogram.sum_of_squares);
  histo.numbers(6, histogram.upper).numbers(7, histogram.counts);
  summary_.message(1, entry.bytes(1, tag).message(5, histo));
}

void SummaryEvent::picture(std::string_view tag, const data::Pixels& pixels) {
  Protobuf image, entry;
  image.integer(1, pixels.height).integer(2, pixels.width).integer(3, pixels.channels);
  image.bytes(4, png_of(pixels));
  summary_.message(1, entry.bytes(1, tag).message(4, image));
}

void SummaryEvent::plugin_value(std::string_view tag, std::string_view plugin,
                                const Protobuf& content, const Protobuf& tensor) {
  Protobuf data, metadata, entry;
  metadata.message(1, data.bytes(1, plugin).message(2, content));
  summary_.message(1, entry.bytes(1, tag).message(9, metadata).message(8, tensor));
}

void SummaryEvent::text(std::string_view tag, std::string_view text) {
  plugin_value(tag, "text", {}, text_tensor(text));
}

void SummaryEvent::hyperparameters(const std::map<std::string, std::string>& values,
                                   double started) {
  Protobuf session, content;
  for (const auto& [key, value] : values) {
    Protobuf entry;
    if (value != "null" && !value.empty())
      session.message(1, entry.bytes(1, key).message(2, value_of(value)));
  }
  content.message(3, session.number(5, started));
  plugin_value("_hparams_/session_start_info", "hparams", content, no_tensor());
}

void SummaryEvent::end_of_session(bool succeeded, double ended) {
  constexpr int kSuccess = 1, kFailure = 2;  // STATUS_SUCCESS, STATUS_FAILURE
  Protobuf session, content;
  session.integer(1, succeeded ? kSuccess : kFailure).number(2, ended);
  content.message(4, session);
  plugin_value("_hparams_/session_end_info", "hparams", content, no_tensor());
}

std::string SummaryEvent::event(double wall_time, i64 step) const {
  return event_at(wall_time).integer(2, step).message(5, summary_).text();
}

}  // namespace weft::train
