// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>

#include <nlohmann/json.hpp>

#include "weft/app/command.h"
#include "weft/app/standard_streams.h"
#include "weft/core/printable.h"
#include "weft/data/image_file.h"
#include "weft/data/resize.h"
#include "weft/data/text.h"
#include "weft/tensor/ops.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/run_folder.h"
#include "weft/train/run/run_plugins.h"

namespace weft::app {
namespace {

struct PredictArguments {
  std::string run, checkpoint = "last", weights = "model";
  std::vector<std::string> files, plugins;
  std::string resize;  // a ResizeFilter; empty: a picture of another size is refused
  bool json = false;
};

// A picture of the height and width that the model takes.
Tensor fitting_picture(const std::string& file, const Shape& sample, const std::string& resize) {
  Tensor picture = data::read_picture(file, sample[2]);
  if (picture.size(0) == sample[0] && picture.size(1) == sample[1]) return picture;
  const auto& filters = enum_names<data::ResizeFilter>;
  const auto filter = std::find(filters.begin(), filters.end(), resize);
  WEFT_CHECK(filter != filters.end(),
             "{}: {} × {} pixels; {} × {} is required (--resize bilinear makes it so)", file,
             picture.size(1), picture.size(0), sample[1], sample[0]);
  return data::resized(picture, sample[0], sample[1],
                       static_cast<data::ResizeFilter>(filter - filters.begin()));
}

bool reads_text(const train::ModelMetadata& metadata) {
  return metadata.sample_dtype == DType::int64 && metadata.input.sample.rank() == 1;
}

// The last tokens of a text, as many as the model takes.
Tensor end_of_text(const std::string& file, const train::ModelMetadata& metadata) {
  const std::vector<i64> tokens = data::tokens_in_file(file, metadata.class_names);
  const i64 context = metadata.input.sample[0], count = std::ssize(tokens);
  WEFT_CHECK(count >= context,
             "{}: {} tokens; at least as many as the model reads, {}, are required", file, count,
             context);
  return Tensor::copy_of(std::span(tokens).subspan(static_cast<std::size_t>(count - context)),
                         metadata.input.sample);
}

// The class names are the vocabulary of a text; without them its tokens are bytes.
void check_vocabulary(const train::ModelMetadata& metadata) {
  const i64 names = std::ssize(metadata.class_names);
  WEFT_CHECK(
      metadata.input.outputs == (names > 0 ? names : 256),
      "predict: the model takes tokens and has {} outputs and {} class names; one output for "
      "each character of a vocabulary, or 256 for bytes, are required",
      metadata.input.outputs, names);
}

std::string class_name(const train::ModelMetadata& metadata, i64 index) {
  const auto i = static_cast<std::size_t>(index);
  if (i < metadata.class_names.size()) return metadata.class_names[i];
  if (!reads_text(metadata)) return std::to_string(index);
  const std::string byte(1, static_cast<char>(index));
  return index < 0x80 ? byte : printable_line(byte);
}

// The samples that could be read, and why the others could not.
struct Samples {
  std::vector<std::string> names;
  Tensor samples;
  int exit_code = kDone;  // of the first that could not be read
};

Samples read_samples(const PredictArguments& arguments, const train::ModelMetadata& metadata) {
  Samples result;
  const Shape& sample = metadata.input.sample;
  const auto count = static_cast<i64>(arguments.files.size());
  Tensor all = Tensor::empty(sample.inserted(0, count), metadata.sample_dtype);
  i64 read = 0;
  for (const std::string& file : arguments.files) try {
      const Tensor entry = reads_text(metadata) ? end_of_text(file, metadata)
                                                : fitting_picture(file, sample, arguments.resize);
      all.slice(read, read + 1).reshape(sample).copy_from(entry);
      result.names.push_back(file);
      ++read;
    } catch (const Error& error) {
      std::fprintf(stderr, "weft: %s\n", error.what());
      if (result.exit_code == kDone) result.exit_code = error.exit_code();
    }
  if (read > 0) result.samples = all.slice(0, read);
  return result;
}

void print_prediction(const train::ModelMetadata& metadata, const std::string& file, i64 best,
                      std::span<const float> probabilities, bool as_json) {
  const float share = probabilities[static_cast<std::size_t>(best)];
  if (!as_json) {
    const char* const quote = reads_text(metadata) ? "'" : "";  // a space has to be seen
    print_formatted("%s: %s%s%s (%.1f %%)\n", printable_line(file).c_str(), quote,
                    printable_line(class_name(metadata, best)).c_str(), quote,
                    100.0 * static_cast<double>(share));
    return;
  }
  const nlohmann::ordered_json line{
      {"file", file},
      {"class", class_name(metadata, best)},
      {"probability", share},
      {"probabilities", std::vector<float>(probabilities.begin(), probabilities.end())}};
  // JSON is UTF-8, and a file name need not be.
  print_formatted("%s\n",
                  line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

// A file that cannot be read is an error on standard error; the others are printed.
int run(const PredictArguments& arguments) {
  const train::RunFolder folder = train::RunFolder::open(arguments.run);
  load_plugins(arguments.plugins);
  train::require_plugins_of(folder.file("config.yaml").string());
  const train::Predictor predictor =
      train::Predictor::open(folder.weights(arguments.checkpoint, arguments.weights).string());
  const train::ModelMetadata& metadata = predictor.metadata();
  const Shape sample = metadata.input.sample;
  if (reads_text(metadata)) check_vocabulary(metadata);
  else
    WEFT_CHECK(sample.rank() == 3 && metadata.sample_dtype == DType::uint8,
               "predict: the model takes samples of {} {}; this command reads pictures and texts "
               "only",
               metadata.sample_dtype, sample);
  const Samples files = read_samples(arguments, metadata);
  if (files.names.empty()) return files.exit_code;
  Tensor logits = predictor.predict(files.samples);
  if (logits.rank() == 3)  // of each position; the last one predicts what follows
    logits = narrow(logits, 1, logits.size(1) - 1, 1).reshape({logits.size(0), logits.size(2)});
  const Tensor probabilities = softmax(logits).to(Device{Cpu{}});
  const std::vector<i64> best = argmax(logits, 1).to_vector<i64>();
  int exit_code = files.exit_code;
  for (std::size_t i = 0; i < files.names.size(); ++i) {
    const auto row = static_cast<i64>(i);
    const std::span<const float> shares = probabilities.slice(row, row + 1).values<float>();
    if (std::all_of(shares.begin(), shares.end(), [](float share) { return share >= 0; })) {
      print_prediction(metadata, files.names[i], best[i], shares, arguments.json);
      continue;
    }
    std::fprintf(stderr,
                 "weft: %s: the outputs of the model are not finite; finite weights are required\n",
                 printable_line(files.names[i]).c_str());
    if (exit_code == kDone) exit_code = kTrainingFailed;
  }
  return exit_code;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command = app.add_subcommand(
      "predict", "print the class of each picture, or the token that follows each text");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")
      ->transform(home_path())
      ->required();
  command
      ->add_option("FILE", arguments->files,
                   "PNG or JPEG pictures of the size the model was trained on, or texts")
      ->transform(home_path())
      ->required();
  const auto& filters = enum_names<data::ResizeFilter>;
  command->add_option("--resize", arguments->resize, "how a picture of another size is resized")
      ->check(CLI::IsMember(std::vector<std::string>(filters.begin(), filters.end())));
  command->add_flag("--json", arguments->json, "print one JSON object per file");
  add_weights_options(*command, arguments->checkpoint, arguments->weights);
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app
