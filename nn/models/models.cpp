// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/models/models.h"

#include "weft/nn/dry_run.h"

namespace weft::nn {

AnyModule checked(AnyModule model, const ModelInput& input, std::optional<DType> sample,
                  std::string_view name) {
  model->name_paths();
  const Shape output =
      (sample ? dry_run(*model, input.sample, *sample) : dry_run(*model, input.sample)).shape();
  // A model of tokens may have outputs for each position.
  const bool each = sample == DType::int64 && input.sample.rank() == 1 &&
                    output == Shape{1, input.sample[0], input.outputs};
  const std::string own = model->label();  // "Module" for a class that has no text of its own
  WEFT_CHECK((output == Shape{1, input.outputs} || each),
             "model{} gives {} for a batch of one sample {}; {} is required, {} outputs per sample",
             !name.empty()     ? fmt::format(" '{}'", name)
             : own == "Module" ? ""
                               : " " + own,
             output, input.sample, Shape{1, input.outputs}, input.outputs);
  return model;
}

void require_image(const char* model, const ModelInput& input) {
  WEFT_CHECK(input.sample.rank() == 3 && input.sample.elements() > 0,
             "{}: a sample is {}; an image (height, width, channels) is required", model,
             input.sample);
}

}  // namespace weft::nn
