// SPDX-License-Identifier: Apache-2.0
// A plugin with an entry of each kind. mine.yaml trains with all of them; docs/plugins.md says how.
#include <weft/kernels/optim/element_update.h>
#include <weft/weft.h>

#include <cmath>

using namespace weft;

// data: two numbers in [0, 1), and whether just one of them is above a half.
struct XorOptions {
  i64 size = 400;
};
void describe(Fields& f, XorOptions& o) { f("size", o.size, "samples", at_least(10)); }
data::TrainAndTest make_xor(const XorOptions& options) {
  const auto part = [&](const char* split, double from) {
    data::DatasetInfo info;
    info.name = "xor", info.split = split, info.classes = 2;
    std::vector<float> x;
    std::vector<i64> y;
    for (i64 i = 0; i < options.size; ++i) {
      const double a = std::fmod(from + i * 0.618034, 1), b = std::fmod(from + i * 0.414214, 1);
      x.insert(x.end(), {static_cast<float>(a), static_cast<float>(b)});
      y.push_back((a > 0.5) != (b > 0.5));
    }
    return std::make_shared<data::TensorDataset>(info, Tensor::copy_of(x, {options.size, 2}),
                                                 Tensor::copy_of(y, {options.size}));
  };
  return {part("train", 0), part("test", 0.3)};
}
const bool has_data = Registry<data::Dataset>::add<XorOptions>("xor", make_xor);

// augmentation: a dark corner.
struct DarkCorner : data::Augmentation {
  void apply(const data::PictureView& in, u8* out, data::Random& random) const override {
    std::copy_n(in.pixels, in.height * in.row_bytes(), out);
    const i64 rows = in.height / 4, bytes = in.row_bytes() / 4;
    const u8 grey = static_cast<u8>(random.below(64));
    for (i64 y = 0; y < rows; ++y) std::fill_n(out + y * in.row_bytes(), bytes, grey);
  }
};
const bool has_augmentation = Registry<data::Augmentation>::add<DarkCorner>("dark_corner");

// sampler: every other sample, of the even ones and of the odd ones in turn.
struct EveryOther : data::Sampler {
  i64 samples() const override { return dataset_size() / 2; }
  void fill(std::vector<i64>& order, u64, i64 epoch) const override {
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = 2 * static_cast<i64>(i) + epoch % 2;
  }
};
const bool has_sampler = Registry<data::Sampler>::add<EveryOther>("every_other");

// mix: the first half of one sample and the second half of another.
struct Halves : data::Mix {
  double apply(const data::BatchView& in, std::span<const i64> partners, std::byte* out,
               data::Random&) const override {
    const i64 bytes = in.info.sample_bytes(), half = bytes / 8 * 4;  // whole numbers
    for (i64 i = 0; i < in.count; ++i, out += bytes) {
      std::copy_n(in.sample(i), half, out);
      const i64 partner = partners[static_cast<std::size_t>(i)];
      std::copy_n(in.sample(partner) + half, bytes - half, out + half);
    }
    return static_cast<double>(half) / static_cast<double>(bytes);
  }
};
const bool has_mix = Registry<data::Mix>::add<Halves>("halves");

// model: the outputs of a small network plus those of a single layer.
struct SkipMlpOptions {
  i64 width = 16;
};
void describe(Fields& f, SkipMlpOptions& o) { f("width", o.width, "hidden", at_least(1)); }
struct SkipMlp : nn::Module {
  SkipMlp(const SkipMlpOptions& o, const nn::ModelInput& in)
      : first{in.sample.elements(), o.width},
        second{o.width, in.outputs},
        skip{in.sample.elements(), in.outputs} {}
  void parts(nn::Parts& p) override { p("first", first)("second", second)("skip", skip); }
  Variable forward(const Variable& x) override { return second(relu(first(x))) + skip(x); }
  nn::Linear first, second, skip;
};
const bool has_model = Registry<nn::Model>::add<SkipMlpOptions>(
    "skip_mlp", [](const SkipMlpOptions& o, const nn::ModelInput& in) {
      return nn::checked(SkipMlp(o, in), in);
    });

// layer, for model.type: layers: a factor for each feature.
struct Scale : nn::Module {
  explicit Scale(i64 features) : weight{Tensor::full({features}, 1)} {}
  void parts(nn::Parts& p) override { p("weight", weight); }
  Variable forward(const Variable& x) override { return x * weight; }
  nn::Parameter weight;
};
const bool has_layer = Registry<nn::Layer>::add<NoOptions>(
    "scale", [](const NoOptions&, const nn::LayerInput& in) -> nn::AnyModule {
      return Scale{in.features("scale")};
    });

// loss: the squared distance between probabilities and labels.
struct Brier : train::Loss {
  Variable forward(const Variable& output, const Tensor& target) const override {
    std::vector<float> one_hot(static_cast<std::size_t>(output.value().elements()));
    const auto classes = static_cast<std::size_t>(output.shape()[1]);
    std::size_t row = 0;
    for (const i64 label : target.to_vector<i64>())
      one_hot[classes * row++ + static_cast<std::size_t>(label)] = 1;
    const Tensor wanted = Tensor::copy_of(one_hot, output.shape());
    return mse(softmax(output), wanted.to(output.value().dtype()).to(output.value().device()));
  }
  i64 outputs(const data::DatasetInfo& info) const override { return info.classes; }
  std::vector<std::string> default_metrics() const override { return {"accuracy", "caution"}; }
};
const bool has_loss = Registry<train::Loss>::add<Brier>("brier");

// metric: the share of outputs between −1 and 1.
struct Caution : train::Metric {
  void update(const Tensor& output, const Tensor&) override {
    for (const double value : output.to(DType::f64).to_vector<double>())
      small_ += std::abs(value) < 1;
    all_ += output.elements();
  }
  double value() const override { return static_cast<double>(small_) / static_cast<double>(all_); }
  void reset() override { small_ = all_ = 0; }
  i64 small_ = 0, all_ = 0;
};
const bool has_metric = Registry<train::Metric>::add<Caution>("caution");

// optimizer: by the sign of each gradient alone; for the CPU.
struct SignSgdOptions {
  double lr = 1e-3;
};
void describe(Fields& f, SignSgdOptions& o) { f("lr", o.lr, "learning rate", positive); }
struct SignSgd : optim::Optimizer {
  SignSgd(const nn::NamedParameters& parameters, const SignSgdOptions& o)
      : Optimizer(parameters, {.lr = o.lr}, {}, {}) {}
  struct Formula {
    static constexpr int kSlots = 0;
    template <class T>
    void operator()(T& p, T g, T*, const kernels::UpdateRates<T>& r) const {
      p -= r.lr * static_cast<T>((g > 0) - (g < 0));
    }
  };
  void update(const optim::AnyTable& table, const kernels::StepControl* control) override {
    WEFT_CHECK(is_cpu(table.device), "sign_sgd: parameters on a GPU; the CPU is required");
    std::visit([&](auto& t) { update_elements(Cpu{}, t, control, Formula{}); }, table.typed);
  }
};
const bool has_optimizer = optim::add_optimizer<SignSgd, SignSgdOptions>("sign_sgd");

// scheduler: up and down again.
struct TriangleOptions {
  i64 period = 100;
};
void describe(Fields& f, TriangleOptions& o) { f("period", o.period, "in steps", at_least(2)); }
struct Triangle : optim::Schedule {
  explicit Triangle(const TriangleOptions& o) : period(static_cast<double>(o.period)) {}
  double lr_factor(i64 step) const override {
    const double at = std::fmod(static_cast<double>(step) / period, 1);
    return 0.1 + 0.9 * (1 - std::abs(2 * at - 1));
  }
  double period;
};
const bool has_schedule = Registry<optim::Schedule>::add<Triangle, TriangleOptions>("triangle");

// strategy: trains the biases in every other epoch only.
struct Biases : train::Strategy {
  void on_train_begin(train::Trainer& t) override { set(t, t.progress().epochs_done); }
  void on_epoch_end(train::Trainer& t, const train::EpochResult& r) override { set(t, r.epoch); }
  static void set(train::Trainer& t, i64 epoch) {
    t.set_requires_grad("*.bias", epoch % 2 == 0);
    t.rebuild_optimizer_and_scheduler();
  }
};
const bool has_strategy = Registry<train::Strategy>::add<Biases>("biases");

// callback: writes an event into metrics.jsonl, and keeps a count in the checkpoints.
struct Counter : train::Callback {
  void on_train_begin(train::Orchestrator& run) override { run_ = &run; }
  void on_epoch_end(const train::EpochReport& report) override {
    ++epochs_;
    run_->metrics_log()->add_event("counted", report.step, {{"epochs", epochs_}});
  }
  void state(State& s) override { s("epochs", epochs_); }
  train::Orchestrator* run_ = nullptr;
  i64 epochs_ = 0;
};
const bool has_callback = Registry<train::Callback>::add<Counter>("counter");

// trainer: adds a penalty on large outputs to the loss.
struct CalmOptions {
  double weight = 1e-3;
};
void describe(Fields& f, CalmOptions& o) { f("weight", o.weight, "of the penalty", non_negative); }
struct Calm : train::Trainer {
  Calm(const CalmOptions& o, const train::TrainerContext& c)
      : Trainer(c.model, c.loss, c.options), weight(o.weight) {}
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const Variable output = model()(x);
    return loss().forward(output, target) + weight * mean(square(output));
  }
  double weight;
};
const bool has_trainer = Registry<train::Trainer>::add<Calm, CalmOptions>("calm");

// precision: bf16 under a name of one's own.
const bool has_precision =
    Registry<train::Precision>::add<NoOptions>("halves", [](const NoOptions&) {
      return std::make_unique<train::Precision>(train::Precision{.compute_dtype = DType::bf16});
    });
