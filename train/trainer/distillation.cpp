// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <utility>

#include "weft/autograd/ops.h"
#include "weft/nn/serialize.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {
namespace {

class Distillation final : public Trainer {
 public:
  Distillation(const DistillationOptions& options, const TrainerContext& context)
      : Trainer(context),
        options_(options),
        file_(context.checkpoint.empty()
                  ? options.teacher
                  : (std::filesystem::path(context.checkpoint) / "teacher.safetensors").string()),
        metadata_(weights_metadata(file_)),
        about_(read_model_metadata(file_, metadata_)) {
    nn::AnyModule teacher = make_model(about_, file_);
    check_fit(context);
    load(*teacher, file_);
    teacher_ = &add_model("teacher", {std::move(teacher), metadata_});
    renormalize_for(context);
  }

 protected:
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const double t = options_.temperature;
    const Variable logits = model()(x);
    measure(logits, target);
    const Variable labels = loss()(logits, target);
    Variable wanted, log_wanted;
    {
      const NoGrad no_grad;
      log_wanted = log_softmax(outputs_of_teacher(x) / t);
      wanted = exp(log_wanted);
    }
    const Variable difference = wanted * (log_wanted - log_softmax(logits / t));
    const double per_sample = t * t / static_cast<double>(x.shape()[0]);
    return (1 - options_.weight) * labels + (options_.weight * per_sample) * sum(difference);
  }

 private:
  void check_fit(const TrainerContext& context) const {
    const auto* labels = context.loss.options_if<ClassificationOptions>();
    WEFT_CHECK(
        labels != nullptr && labels->class_weights.empty() && !labels->ignore_index,
        "trainer 'distillation': loss.type is {}{}; classification without class_weights and "
        "ignore_index is required",
        context.loss.name(), labels != nullptr ? ", where some samples count for less" : "");
    const i64 outputs = loss().outputs(context.data);
    WEFT_CHECK(
        about_.input.sample == context.data.sample && about_.input.outputs == outputs &&
            about_.sample_dtype == context.data.sample_dtype,
        "trainer 'distillation': the teacher in {} takes {} {} and gives {} numbers; {} {} and {} of "
        "{} are required",
        file_, about_.sample_dtype, about_.input.sample, about_.input.outputs,
        context.data.sample_dtype, context.data.sample, outputs, context.data.name);
  }

  // Converts x from the model's normalisation to the teacher's, per channel: x·factor + offset.
  void renormalize_for(const TrainerContext& context) {
    const data::Normalization ours =
        options().normalization.value_or(data::no_normalization(context.data));
    const data::Normalization& its = about_.normalization;
    if (ours == its) return;
    std::vector<float> factor, offset;
    for (std::size_t c = 0; c < ours.mean.size(); ++c) {
      factor.push_back(static_cast<float>(ours.std[c] / its.std[c]));
      offset.push_back(static_cast<float>((ours.mean[c] - its.mean[c]) / its.std[c]));
    }
    const auto channels = static_cast<i64>(factor.size());
    const DType dtype = optimizer().parameters().values().dtype();
    factor_ = Tensor::copy_of(factor, {channels}).to(dtype).to(optimizers().device());
    offset_ = Tensor::copy_of(offset, {channels}).to(dtype).to(optimizers().device());
  }

  Variable outputs_of_teacher(const Variable& x) {
    if (!factor_.defined()) return (*teacher_)(x);
    return (*teacher_)(Variable(add(mul(x.value(), factor_), offset_)));
  }

  DistillationOptions options_;
  std::string file_;
  Metadata metadata_;
  ModelMetadata about_;
  nn::Module* teacher_;
  Tensor factor_, offset_;  // undefined if both normalisations are equal
};

const bool registered = Registry<Trainer>::add<Distillation, DistillationOptions>("distillation");

}  // namespace

void describe(Fields& f, DistillationOptions& o) {
  f("teacher", o.teacher, "safetensors file of the model to imitate, beside the config or not",
    required(is_path));
  f("temperature", o.temperature,
    "what outputs are divided by before the softmax, for labels that say more", positive);
  f("weight", o.weight, "share of the teacher in the loss", in_range(0, 1));
}

TrainerRecipe distillation(const DistillationOptions& options) {
  return TrainerRecipe::of("distillation", options);
}

}  // namespace weft::train
