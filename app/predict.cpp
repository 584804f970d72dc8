// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "weft/app/command.h"
#include "weft/data/image_file.h"
#include "weft/tensor/ops.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/run_folder.h"

namespace weft::app {
namespace {

struct PredictArguments {
  std::string run, checkpoint = "last";
  std::vector<std::string> files;
  bool json = false;
};

std::string class_name(const train::ModelMetadata& metadata, i64 index) {
  const auto i = static_cast<std::size_t>(index);
  return i < metadata.class_names.size() ? metadata.class_names[i] : std::to_string(index);
}

// Every picture is read before anything is printed, so a bad file prints no partial answer.
int run(const PredictArguments& arguments) {
  const train::RunFolder folder = train::RunFolder::open(arguments.run);
  const train::Predictor predictor =
      train::Predictor::open(folder.weights(arguments.checkpoint).string());
  const Shape sample = predictor.metadata().input.sample;
  WEFT_CHECK(sample.rank() == 3 && predictor.metadata().sample_dtype == DType::uint8,
             "predict: the model takes samples of {} {}; this command reads pictures only",
             predictor.metadata().sample_dtype, sample);
  Tensor pictures =
      Tensor::empty(sample.inserted(0, static_cast<i64>(arguments.files.size())), DType::uint8);
  for (std::size_t i = 0; i < arguments.files.size(); ++i) {
    const Tensor picture =
        data::read_png(arguments.files[i], sample[2], data::PictureSize{sample[0], sample[1]});
    pictures.slice(static_cast<i64>(i), static_cast<i64>(i) + 1).reshape(sample).copy_from(picture);
  }
  const Tensor logits = predictor.predict(pictures);
  const Tensor probabilities = softmax(logits).to(Device{Cpu{}});
  const std::vector<i64> best = argmax(logits, 1).to_vector<i64>();
  for (std::size_t i = 0; i < arguments.files.size(); ++i) {
    const auto row =
        probabilities.slice(static_cast<i64>(i), static_cast<i64>(i) + 1).values<float>();
    const float share = row[static_cast<std::size_t>(best[i])];
    if (arguments.json) {
      const nlohmann::ordered_json line{
          {"file", arguments.files[i]},
          {"class", class_name(predictor.metadata(), best[i])},
          {"probability", share},
          {"probabilities", std::vector<float>(row.begin(), row.end())}};
      std::printf("%s\n", line.dump().c_str());
    } else {
      std::printf("%s: %s (%.1f %%)\n", arguments.files[i].c_str(),
                  class_name(predictor.metadata(), best[i]).c_str(),
                  100.0 * static_cast<double>(share));
    }
  }
  return kDone;
}

}  // namespace

void add_predict(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command = app.add_subcommand("predict", "print the class of each PNG picture");
  command->add_option("RUN", arguments->run, "folder of the run, such as runs/latest")->required();
  command->add_option("FILE", arguments->files, "pictures of the size the model was trained on")
      ->required();
  command->add_flag("--json", arguments->json, "print one JSON object per picture");
  command->add_option("--checkpoint", arguments->checkpoint, "last, best or step-N")
      ->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace weft::app
