// SPDX-License-Identifier: Apache-2.0
#include "weft/data/table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "weft/core/checked.h"
#include "weft/core/error.h"
#include "weft/core/log.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"
#include "weft/data/csv_file.h"
#include "weft/data/subset.h"

namespace weft::data {
namespace {

// Rows of a file, by index.
struct Rows {
  const CsvFile* file;
  std::vector<i64> indices;
};

// A column of inputs, or the target.
struct Column {
  i64 index = 0;
  bool categorical = false;
  std::map<std::string, i64, std::less<>> categories = {};  // to the position of its 1
  double mean = 0;                                          // of the numbers that are not missing

  i64 width() const { return categorical ? static_cast<i64>(categories.size()) : 1; }
};

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

class TableReader {
 public:
  explicit TableReader(const CsvSource& options) : options_(options) {}

  TrainAndTest read() {
    const CsvFile file(options_.path, options_.separator.front());
    names_ = file.names();
    file_bytes_ = file.bytes();
    target_.index = file.column(options_.target, "data.target");
    choose_columns(file);
    std::optional<CsvFile> test_file;
    Rows train{&file, usable_rows(file)}, test{&file, {}};
    if (!options_.test_path.empty()) {
      test_file.emplace(options_.test_path, options_.separator.front());
      WEFT_CHECK(
          test_file->names() == file.names() || sorted(test_file->names()) != sorted(file.names()),
          "csv: {} has the columns {}; the same in the order of {} are required, because the order "
          "counts: {}",
          options_.test_path, listed(test_file->names()), options_.path, listed(file.names()));
      WEFT_CHECK(test_file->names() == file.names(),
                 "csv: {} has the columns {}; those of {} are required: {}", options_.test_path,
                 listed(test_file->names()), options_.path, listed(file.names()));
      file_bytes_ += test_file->bytes();
      test = {&*test_file, usable_rows(*test_file)};
    } else if (options_.test_split > 0) {
      const i64 rows = std::ssize(train.indices);
      const std::vector<i64> held_out = test_samples(rows, options_.test_split);
      std::vector<i64> rest;
      for (i64 i = 0; i < rows; ++i) {
        const bool out = std::binary_search(held_out.begin(), held_out.end(), i);
        (out ? test.indices : rest).push_back(train.indices[static_cast<std::size_t>(i)]);
      }
      train.indices = std::move(rest);
    }
    WEFT_CHECK(!train.indices.empty(), "csv: {} has no row to train on; at least one is required",
               options_.path);
    learn(train);
    check_size(std::ssize(train.indices) + std::ssize(test.indices));
    check_values(test);
    TrainAndTest result{dataset(train, "train"), nullptr, place_of(options_.path)};
    if (!test.indices.empty()) result.test = dataset(test, "test");
    return result;
  }

 private:
  bool is_missing(std::string_view field) const {
    const auto& all = options_.missing_values;
    return std::find(all.begin(), all.end(), field) != all.end();
  }

  void choose_columns(const CsvFile& file) {
    std::vector<std::string> names = options_.columns;
    if (names.empty())
      for (const std::string& name : file.names())
        if (name != options_.target) names.push_back(name);
    WEFT_CHECK(!names.empty(), "csv: {} has no column beside the target; at least one is required",
               file.path());
    for (const std::string& name : names) {
      Column column{.index = file.column(name, "data.columns")};
      WEFT_CHECK(column.index != target_.index,
                 "csv: data.columns names the target '{}'; other columns are required", name);
      WEFT_CHECK(std::none_of(columns_.begin(), columns_.end(),
                              [&](const Column& c) { return c.index == column.index; }),
                 "csv: data.columns names '{}' twice; different columns are required", name);
      columns_.push_back(std::move(column));
    }
    for (const std::string& name : options_.categorical) {
      const i64 index = file.column(name, "data.categorical");
      const auto found = std::find_if(columns_.begin(), columns_.end(),
                                      [&](const Column& c) { return c.index == index; });
      WEFT_CHECK(found != columns_.end(),
                 "csv: data.categorical names '{}', which is no input; one of data.columns is "
                 "required",
                 name);
      WEFT_CHECK(!found->categorical,
                 "csv: data.categorical names '{}' twice; different columns are required", name);
      found->categorical = true;
    }
  }

  // Rows without a missing target; with missing: skip, those without any missing value.
  std::vector<i64> usable_rows(const CsvFile& file) const {
    std::vector<i64> rows;
    for (i64 row = 0; row < file.rows(); ++row) {
      const auto missing = [&](const Column& c) { return is_missing(file.field(row, c.index)); };
      const bool skipped =
          options_.missing == Missing::skip &&
          (missing(target_) || std::any_of(columns_.begin(), columns_.end(), missing));
      if (!skipped) rows.push_back(row);
    }
    if (const i64 left_out = file.rows() - std::ssize(rows); left_out > 0)
      log_info("csv: {} of {} rows of {} are left out for a missing value", left_out, file.rows(),
               file.path());
    return rows;
  }

  const std::string& name_of(const Column& column) const {
    return names_[static_cast<std::size_t>(column.index)];
  }

  template <class... A>
  [[noreturn]] static void fail_at(const CsvFile& file, i64 row, const Column& column,
                                   fmt::format_string<A...> what, A&&... values) {
    fail("csv: {} line {}, column '{}': {}", file.path(), file.line(row),
         file.names()[static_cast<std::size_t>(column.index)],
         fmt::format(what, std::forward<A>(values)...));
  }

  // The number of a field; nothing if it is missing.
  std::optional<double> number(const CsvFile& file, i64 row, const Column& column) const {
    const std::string_view field = file.field(row, column.index);
    double value = 0;
    if (is_missing(field)) return std::nullopt;
    if (!parse_number(field, value))
      fail_at(file, row, column, "'{}' is no number; a number, or {}, is required", field,
              &column == &target_ ? "data.task: classification" : "the column in data.categorical");
    if (std::abs(value) > std::numeric_limits<float>::max())
      fail_at(file, row, column, "{} does not fit into f32; a smaller number is required", field);
    return value;
  }

  // Categories, classes and means of the training rows.
  void learn(const Rows& rows) {
    for (const i64 row : rows.indices) check_target(*rows.file, row);
    for (Column& column : columns_) {
      if (column.categorical) {
        for (const i64 row : rows.indices) check_name(*rows.file, row, column);
        learn_categories(column, rows);
        continue;
      }
      const i64 count = learn_numbers(column, rows);
      WEFT_CHECK(count > 0 || options_.missing != Missing::mean,
                 "csv: {}: column '{}' has no value in {} training rows; at least one is required, "
                 "or data.columns without it",
                 options_.path, name_of(column), std::ssize(rows.indices));
    }
    if (options_.task == TableTask::auto_) {
      const bool numbers = std::all_of(rows.indices.begin(), rows.indices.end(), [&](i64 row) {
        double value = 0;
        return parse_number(rows.file->field(row, target_.index), value);
      });
      target_.categorical = !numbers;
      log_info("csv: the target '{}' is {} (data.task)", options_.target,
               numbers ? "a number: regression" : "a text: classification");
    } else {
      target_.categorical = options_.task == TableTask::classification;
    }
    if (!target_.categorical) {
      learn_numbers(target_, rows);
      return;
    }
    for (const i64 row : rows.indices) check_name(*rows.file, row, target_);
    learn_categories(target_, rows);
    WEFT_CHECK(target_.categories.size() > 1,
               "csv: every row of {} has the same '{}'; at least two classes are required",
               options_.path, options_.target);
  }

  // The mean. Returns the count of the values. Warns of a column that is not the same as f32.
  i64 learn_numbers(Column& column, const Rows& rows) const {
    double mean = 0, squares = 0, lost_squares = 0;
    i64 count = 0;
    for (const i64 row : rows.indices)
      if (const auto value = number(*rows.file, row, column)) {
        const double apart = *value - mean;
        mean += apart / static_cast<double>(++count);
        squares += apart * (*value - mean);
        const double lost = *value - static_cast<double>(static_cast<float>(*value));
        lost_squares += lost * lost;
      }
    column.mean = mean;
    constexpr double kShare = 1e-3;
    if (squares > 0 && lost_squares > kShare * kShare * squares)
      log_warning(
          "csv: {}: column '{}' has values near {:.9g} that differ by about {:.3g}, and f32 rounds "
          "them by about {:.3g}; their differences from one of them would keep their digits",
          options_.path, name_of(column), mean, std::sqrt(squares / static_cast<double>(count)),
          std::sqrt(lost_squares / static_cast<double>(count)));
    return count;
  }

  void check_target(const CsvFile& file, i64 row) const {
    if (is_missing(file.field(row, target_.index)))
      fail_at(file, row, target_, "the value is missing; one is required");
  }

  // Of a class or a category.
  void check_name(const CsvFile& file, i64 row, const Column& column) const {
    const std::string_view name = file.field(row, column.index);
    if (invalid_utf8(name) != std::string_view::npos)
      fail_at(file, row, column, "'{}' is not UTF-8; a {} in UTF-8 is required",
              printable_line(name), &column == &target_ ? "class name" : "category");
  }

  static void learn_categories(Column& column, const Rows& rows) {
    for (const i64 row : rows.indices)
      column.categories.try_emplace(std::string(rows.file->field(row, column.index)), 0);
    // Numbers are sorted as numbers: 2 before 10.
    std::vector<std::pair<double, std::string>> sorted;
    bool numbers = true;
    for (const auto& [name, position] : column.categories) {
      double value = 0;
      numbers = parse_number(name, value) && numbers;
      sorted.emplace_back(value, name);
    }
    if (!numbers)
      for (auto& [value, name] : sorted) value = 0;
    std::sort(sorted.begin(), sorted.end());
    i64 position = 0;
    for (const auto& [value, name] : sorted) column.categories[name] = position++;
  }

  i64 category(const CsvFile& file, i64 row, const Column& column) const {
    const std::string_view field = file.field(row, column.index);
    const auto found = column.categories.find(field);
    if (found == column.categories.end())
      fail_at(file, row, column, "'{}' is in no training row; one of {} values is required{}",
              field, column.categories.size(),
              options_.test_path.empty() ? " (data.test_split holds this row out of the training)"
                                         : "");
    return found->second;
  }

  float filled(const CsvFile& file, i64 row, const Column& column) const {
    const std::optional<double> value = number(file, row, column);
    if (!value && options_.missing == Missing::error)
      fail_at(file, row, column,
              "the value is missing; one is required (data.missing: mean or skip does without)");
    return static_cast<float>(value.value_or(column.mean));
  }

  i64 width() const {
    i64 width = 0;
    for (const Column& column : columns_) width += column.width();
    return width;
  }

  // Each category is a number in every row, so a short file could ask for any amount of memory.
  void check_size(i64 rows) const {
    constexpr i64 kAlways = i64{1} << 26, kRatio = 64;  // as of packed files (data/file.h)
    const i64 bytes = saturating_product(saturating_product(rows, width()), i64{sizeof(float)});
    if (bytes <= kAlways || bytes / kRatio <= file_bytes_) return;
    const Column& widest =
        *std::max_element(columns_.begin(), columns_.end(),
                          [](const Column& a, const Column& b) { return a.width() < b.width(); });
    fail(
        "csv: {}: column '{}' has {} categories, a number for each in {} rows, which with the other "
        "columns take {} bytes; at most {}, or {} times the {} bytes of the files, are allowed "
        "(data.columns may leave the column out)",
        options_.path, name_of(widest), widest.width(), rows, bytes, kAlways, kRatio, file_bytes_);
  }

  // Throws for what dataset() would refuse, before it allocates.
  void check_values(const Rows& rows) const {
    const auto check = [&](i64 row, const Column& column) {
      if (column.categorical) category(*rows.file, row, column);
      else filled(*rows.file, row, column);
    };
    for (const i64 row : rows.indices) {
      check_target(*rows.file, row);
      for (const Column& column : columns_) check(row, column);
      check(row, target_);
    }
  }

  std::vector<std::string> input_names() const {
    std::vector<std::string> names;
    for (const Column& column : columns_) {
      const std::size_t begin = names.size();
      names.resize(begin + static_cast<std::size_t>(column.width()), name_of(column));
      for (const auto& [category, position] : column.categories)
        names[begin + static_cast<std::size_t>(position)] += "=" + category;
    }
    return names;
  }

  std::shared_ptr<const Dataset> dataset(const Rows& rows, const std::string& split) const {
    const i64 count = std::ssize(rows.indices), width = this->width();
    Tensor x = Tensor::zeros({count, width}, DType::f32);
    Tensor y = target_.categorical ? Tensor::empty({count}, DType::int64)
                                   : Tensor::empty({count, 1}, DType::f32);
    for (i64 i = 0; i < count; ++i) {
      const i64 row = rows.indices[static_cast<std::size_t>(i)];
      check_target(*rows.file, row);
      float* to = x.data<float>() + i * width;
      for (const Column& column : columns_) {
        if (column.categorical) to[category(*rows.file, row, column)] = 1;
        else *to = filled(*rows.file, row, column);
        to += column.width();
      }
      if (target_.categorical) y.data<i64>()[i] = category(*rows.file, row, target_);
      else y.data<float>()[i] = filled(*rows.file, row, target_);
    }
    DatasetInfo info;
    info.name = "csv";
    info.split = split;
    info.classes = static_cast<i64>(target_.categories.size());
    info.labels_by_name = target_.categorical;
    info.input_names = input_names();
    info.class_names.resize(target_.categories.size());
    for (const auto& [name, label] : target_.categories)
      info.class_names[static_cast<std::size_t>(label)] = name;
    return std::make_shared<TensorDataset>(std::move(info), x, y);
  }

  const CsvSource& options_;
  std::vector<std::string> names_;  // of the columns of the file
  i64 file_bytes_ = 0;              // of both files
  std::vector<Column> columns_;
  Column target_;
};

}  // namespace

TrainAndTest read_tables(const CsvSource& options) { return TableReader(options).read(); }

void describe(Fields& f, CsvSource& o) {
  f("path", o.path, "CSV file (RFC 4180) whose first line has the names of the columns",
    required(is_path));
  f("test_path", o.test_path, "file of test rows; empty: test_split", is_path);
  f("target", o.target, "column to predict", required());
  f("columns", o.columns, "columns to predict it from; empty: all others");
  f("categorical", o.categorical, "of these, those with names and not numbers");
  f("task", o.task, "what the target is; auto: a class if it is a text, else a number");
  f("missing", o.missing,
    "what a missing value becomes: an error, the mean of the column's training rows, or its row is "
    "left out");
  f("missing_values", o.missing_values, "texts that stand for a missing value");
  f("separator", o.separator, "one character between fields");
  f("test_split", o.test_split, "share of the rows held out for the test without test_path",
    from_to_below(0, 1));
  f.rule(o.separator.size() == 1 && o.separator != "\"" && o.separator != "\n", "separator",
         "one character, such as , or ;");
}

static const bool registered = Registry<Dataset>::add<CsvSource>("csv", read_tables);

DataRecipe csv(const CsvSource& options) { return DataRecipe::of("csv", options); }

}  // namespace weft::data
