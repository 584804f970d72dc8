// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>

#include <nlohmann/json.hpp>

#include "weft/app/command.h"
#include "weft/core/printable.h"
#include "weft/data/image_file.h"
#include "weft/data/resize.h"
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

std::string class_name(const train::ModelMetadata& metadata, i64 index) {
  const auto i = static_cast<std::size_t>(index);
  return i < metadata.class_names.size() ? metadata.class_names[i] : std::to_string(index);
}

// The pictures that could be read, and why the others could not.
struct Pictures {
  std::vector<std::string> names;
  Tensor samples;
  int exit_code = kDone;  // of the first that could not be read
};

Pictures read_pictures(const std::vector<std::string>& files, const Shape& sample,
                       const std::string& resize) {
  Pictures pictures;
  const auto count = static_cast<i64>(files.size());
  Tensor all = Tensor::empty(sample.inserted(0, count), DType::uint8);
  i64 read = 0;
  for (const std::string& file : files) try {
      const Tensor picture = fitting_picture(file, sample, resize);
      all.slice(read, read + 1).reshape(sample).copy_from(picture);
      pictures.names.push_back(file);
      ++read;
    } catch (const Error& error) {
      std::fprintf(stderr, "weft: %s\n", error.what());
      if (pictures.exit_code == kDone) pictures.exit_code = error.exit_code();
    }
  if (read > 0) pictures.samples = all.slice(0, read);
  return pictures;
}

void print_prediction(const train::ModelMetadata& metadata, const std::string& file, i64 best,
                      std::span<const float> probabilities, bool as_json) {
  const float share = probabilities[static_cast<std::size_t>(best)];
  if (!as_json) {
    std::printf("%s: %s (%.1f %%)\n", printable_line(file).c_str(),
                printable_line(class_name(metadata, best)).c_str(),
                100.0 * static_cast<double>(share));
    return;
  }
  const nlohmann::ordered_json line{
      {"file", file},
      {"class", class_name(metadata, best)},
      {"probability", share},
      {"probabilities", std::vector<float>(probabilities.begin(), probabilities.end())}};
  // JSON is UTF-8, and a file name need not be.
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

// A picture that cannot be read is an error on standard error; the others are printed.
int run(const PredictArguments& arguments) {
  const train::RunFolder folder = train::RunFolder::open(arguments.run);
  load_plugins(arguments.plugins);
  train::require_plugins_of(folder.file("config.yaml").string());
  const train::Predictor predictor =
      train::Predictor::open(folder.weights(arguments.checkpoint, arguments.weights).string());
  const Shape sample = predictor.metadata().input.sample;
  WEFT_CHECK(sample.rank() == 3 && predictor.metadata().sample_dtype == DType::uint8,
             "predict: the model takes samples of {} {}; this command reads pictures only",
             predictor.metadata().sample_dtype, sample);
  const Pictures pictures = read_pictures(arguments.files, sample, arguments.resize);
  if (pictures.names.empty()) return pictures.exit_code;
  const Tensor logits = predictor.predict(pictures.samples);
  const Tensor probabilities = softmax(logits).to(Device{Cpu{}});
  const std::vector<i64> best = argmax(logits, 1).to_vector<i64>();
  int exit_code = pictures.exit_code;
  for (std::size_t i = 0; i < pictures.names.size(); ++i) {
    const auto row = static_cast<i64>(i);
    const std::span<const float> shares = probabilities.slice(row, row + 1).values<float>();
    if (std::all_of(shares.begin(), shares.end(), [](float share) { return share >= 0; })) {
      print_prediction(predictor.metadata(), pictures.names[i], best[i], shares, arguments.json);
      continue;
    }
    std::fprintf(stderr,
                 "weft: %s: the outputs of the model are not finite; finite weights are required\n",
                 printable_line(pictures.names[i]).c_str());
    if (exit_code == kDone) exit_code = kTrainingFailed;
  }
  return exit_code;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command = app.add_subcommand("predict", "print the class of each PNG or JPEG picture");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")
      ->transform(home_path())
      ->required();
  command->add_option("FILE", arguments->files, "pictures of the size the model was trained on")
      ->transform(home_path())
      ->required();
  const auto& filters = enum_names<data::ResizeFilter>;
  command->add_option("--resize", arguments->resize, "how a picture of another size is resized")
      ->check(CLI::IsMember(std::vector<std::string>(filters.begin(), filters.end())));
  command->add_flag("--json", arguments->json, "print one JSON object per picture");
  add_weights_options(*command, arguments->checkpoint, arguments->weights);
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app
