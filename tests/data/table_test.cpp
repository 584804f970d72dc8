// SPDX-License-Identifier: Apache-2.0
// Tables: the CSV format, and samples from its columns.
#include "weft/data/table.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "weft/core/log.h"
#include "weft/data/csv_file.h"
#include "weft/data/subset.h"
#include "weft/device/allocation_budget.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

class Tables : public ::testing::Test {
 protected:
  std::string file(const std::string& text, const std::string& name = "a.csv") const {
    return folder_.write(name, Bytes(text.begin(), text.end()));
  }
  std::vector<std::string> fields(const std::string& text, char separator = ',') const {
    const CsvFile read(file(text), separator);
    std::vector<std::string> all(read.names());
    for (i64 row = 0; row < read.rows(); ++row)
      for (i64 column = 0; column < read.columns(); ++column)
        all.emplace_back(read.field(row, column));
    return all;
  }
  std::string refused(const std::string& text) const {
    const std::string path = file(text);
    std::string said = user_error_of([&] { CsvFile{path}; });
    if (const auto at = said.find(path); at != said.npos) said.replace(at, path.size(), "FILE");
    return said;
  }
  TrainAndTest made(const std::string& text, CsvSource source) const {
    source.path = file(text);
    return csv(source).make();
  }
  std::string refused_source(const std::string& text, const CsvSource& source) const {
    return user_error_of([&] { made(text, source); });
  }
  TempFolder folder_;
};

using Texts = std::vector<std::string>;

std::vector<float> inputs_of_table(const Dataset& set) {
  std::vector<float> all;
  std::vector<float> sample(static_cast<std::size_t>(set.info().sample.elements()));
  for (i64 i = 0; i < set.size(); ++i) {
    double target = 0;
    set.read(i, sample.data(), &target);
    all.insert(all.end(), sample.begin(), sample.end());
  }
  return all;
}
template <class T>
std::vector<T> targets_of_table(const Dataset& set) {
  std::vector<T> all(static_cast<std::size_t>(set.size()));
  for (i64 i = 0; i < set.size(); ++i) set.read_target(i, &all[static_cast<std::size_t>(i)]);
  return all;
}

TEST_F(Tables, AreReadByRfc4180) {
  EXPECT_EQ(fields("a,b\n1,2\n"), (Texts{"a", "b", "1", "2"}));
  EXPECT_EQ(fields("a,b\r\n1,2\r\n3,4"), (Texts{"a", "b", "1", "2", "3", "4"}));
  EXPECT_EQ(fields("a,b\r1,2\r"), (Texts{"a", "b", "1", "2"}));
  EXPECT_EQ(fields("\xef\xbb\xbf\"a\",b\n\n\"x,\n\"\"y\"\"\",\n"),
            (Texts{"a", "b", "x,\n\"y\"", ""}));
  EXPECT_EQ(fields("a;b\n1,5;\"\"\n", ';'), (Texts{"a", "b", "1,5", ""}));
  EXPECT_EQ(fields("a\n\"\"\"\"\n"), (Texts{"a", "\""}));
  EXPECT_EQ(CsvFile(file("a\n\"1\n2\"\n3\n")).line(1), 4);
}

TEST_F(Tables, ThatAreNoneAreRefusedWithTheirLine) {
  EXPECT_EQ(refused("a,b\n1,2\n3\n"),
            "csv: FILE line 3: 1 fields; as many as there are columns, 2, are required");
  EXPECT_EQ(refused("a,b\n1,\"2\n"),
            "csv: FILE line 2: a quote does not end; a second one is required");
  EXPECT_NE(refused("a,b\n1,\"2\"3\n").find("line 2: '3' follows a quote"), std::string::npos);
  EXPECT_NE(refused("a,b\n1,2\"3\n").find("line 2: a quote within a field"), std::string::npos);
  EXPECT_NE(refused("a,a\n1,2\n").find("two columns are named 'a'"), std::string::npos);
  EXPECT_NE(refused("a,\n1,2\n").find("column 2 has no name"), std::string::npos);
  EXPECT_NE(refused("a,gr\xf6\xdf"
                    "e\n1,2\n")
                .find("line 1: the name of column 2, 'gr\\xf6\\xdfe', is not UTF-8"),
            std::string::npos);
  for (const char* empty : {"", "\n", "a,b\n", "\xef\xbb\xbf"})
    EXPECT_NE(refused(empty).find("has no rows"), std::string::npos) << empty;
  EXPECT_NE(user_error_of([] { CsvFile("/nowhere.csv"); }).find("does not exist"),
            std::string::npos);
}

TEST_F(Tables, NumbersAreTakenWhole) {
  double value = 0;
  for (const char* text : {"1.5", " 1.5\t", "+1.5", "15e-1"}) {
    EXPECT_TRUE(parse_number(text, value)) << text;
    EXPECT_EQ(value, 1.5);
  }
  for (const char* text : {"", " ", "1.5x", "1,5", "nan", "inf", "1e999", "0x1", "+", "--1"})
    EXPECT_FALSE(parse_number(text, value)) << text;
}

TEST_F(Tables, HaveANumberForEachColumnAndCategory) {
  const char* text = "size,city,price\n1,Bern,10\n2,Aarau,20.5\n3,Bern,30\n";
  const TrainAndTest data =
      made(text, {.target = "price", .categorical = {"city"}, .test_split = 0});
  EXPECT_EQ(data.train->info().sample, (Shape{3}));
  EXPECT_EQ(inputs_of_table(*data.train), (std::vector<float>{1, 0, 1, 2, 1, 0, 3, 0, 1}));
  EXPECT_FALSE(data.train->info().has_labels());
  EXPECT_EQ(targets_of_table<float>(*data.train), (std::vector<float>{10, 20.5, 30}));
  EXPECT_EQ(data.test, nullptr);
  const TrainAndTest classes =
      made(text, {.target = "city", .columns = {"price"}, .test_split = 0});
  EXPECT_EQ(classes.train->info().class_names, (Texts{"Aarau", "Bern"}));
  EXPECT_EQ(targets_of_table<i64>(*classes.train), (std::vector<i64>{1, 0, 1}));
  EXPECT_EQ(inputs_of_table(*classes.train), (std::vector<float>{10, 20.5, 30}));
}

TEST_F(Tables, AColumnThatF32RoundsIsNamed) {
  const auto warnings = [&](const std::string& text) {
    std::string all;
    const LogSink before = set_log_sink(
        [&](LogLevel, std::string_view message) { all += std::string(message) + "\n"; });
    made(text, {.target = "y", .test_split = 0});
    set_log_sink(before);
    return all;
  };
  const std::string seconds = warnings("t,y\n1790000001,1\n1790000017,2\n1790000044,3\n");
  EXPECT_NE(seconds.find("column 't' has values near 1.79000002e+09 that differ by about 17.7, and "
                         "f32 rounds them by about"),
            std::string::npos)
      << seconds;
  EXPECT_NE(warnings("x,y\n1,100000000.001\n2,100000000.002\n").find("column 'y'"),
            std::string::npos);
  for (const char* text : {"x,y\n0.1,1\n0.1,2\n", "x,y\n1999,1e-30\n2024,2e-30\n",
                           "x,y\n16777215,0.1\n16777216,0.2\n", "x,y\n3e38,1\n-3e38,2\n"})
    EXPECT_EQ(warnings(text).find("f32"), std::string::npos) << text;
}

TEST_F(Tables, ClassesThatAreNumbersAreSortedAsNumbers) {
  const TrainAndTest data =
      made("x,y\n1,10\n2,9\n3,-1\n",
           {.target = "y", .task = TableTask::classification, .test_split = 0});
  EXPECT_EQ(data.train->info().class_names, (Texts{"-1", "9", "10"}));
  EXPECT_EQ(targets_of_table<i64>(*data.train), (std::vector<i64>{2, 1, 0}));
}

TEST_F(Tables, MissingValuesAreErrorsMeansOrLeftOut) {
  const char* text = "x,c,y\n1,a,1\nNA,a,2\n4,?,3\n";
  CsvSource source{.target = "y", .columns = {"x"}, .test_split = 0};
  EXPECT_NE(refused_source(text, source).find("line 3, column 'x': the value is missing"),
            std::string::npos);
  source.missing = Missing::mean;
  EXPECT_EQ(inputs_of_table(*made(text, source).train), (std::vector<float>{1, 2.5, 4}));
  source.missing = Missing::skip;
  EXPECT_EQ(inputs_of_table(*made(text, source).train), (std::vector<float>{1, 4}));
  // In a categorical column a missing value is a category.
  source = {.target = "y", .columns = {"c"}, .categorical = {"c"}, .test_split = 0};
  EXPECT_EQ(inputs_of_table(*made(text, source).train), (std::vector<float>{0, 1, 0, 1, 1, 0}));
  EXPECT_NE(
      refused_source("x,y\n1,\n2,3\n", {.target = "y", .missing = Missing::mean, .test_split = 0})
          .find("column 'y': the value is missing; one is required"),
      std::string::npos);
}

TEST_F(Tables, AColumnWithoutAnyValueHasNoMean) {
  EXPECT_NE(
      refused_source("x,z,y\n1,NA,1\n2,,2\n",
                     {.target = "y", .missing = Missing::mean, .test_split = 0})
          .find("a.csv: column 'z' has no value in 2 training rows; at least one is required"),
      std::string::npos);
}

TEST_F(Tables, InUtf16AreRefusedInASentence) {
  const std::string said =
      "csv: FILE is UTF-16 or UTF-32; UTF-8 is required: save the file as UTF-8";
  const std::string wide(
      "x\0,\0y\0\n\0"
      "1\0,\0"
      "2\0\n\0",
      16);
  EXPECT_EQ(refused("\xff\xfe" + wide), said);
  EXPECT_EQ(refused("\xfe\xff" + std::string(1, '\0') + wide), said);
  EXPECT_EQ(refused(wide), said);
}

// Each category is a number in every row: 20,000 of 20,000 rows are 1.6 GB.
TEST_F(Tables, CategoriesTakeNoMoreThanTheFileIsWorth) {
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  std::string text = "id,x,y\n";
  for (int i = 0; i < 20000; ++i) text += fmt::format("n{},{},{}\n", i, i % 7, i % 3);
  const auto before = peak_kib();
  const std::string message =
      refused_source(text, {.target = "y", .categorical = {"id"}, .test_split = 0});
  EXPECT_NE(
      message.find("a.csv: column 'id' has 20000 categories, a number for each in 20000 rows"),
      std::string::npos)
      << message;
  EXPECT_LT(peak_kib() - before, 64 << 10);
  // With few categories the same rows are read.
  EXPECT_EQ(made(text, {.target = "y", .columns = {"x"}, .categorical = {"x"}, .test_split = 0})
                .train->info()
                .sample,
            (Shape{7}));
}

TEST_F(Tables, AnUnknownCategoryIsFoundBeforeRowsAreAllocated) {
  std::string text = "id,y\n";
  for (int i = 0; i < 2500; ++i) text += fmt::format("n{},{}\n", i, i % 3);
  const CsvSource own{
      .test_path = file("id,y\nother,1\n", "b.csv"), .target = "y", .categorical = {"id"}};
  const AllocationBudget budget(1 << 20);  // the training rows take 25 MB
  EXPECT_NE(refused_source(text, own).find("b.csv line 2, column 'id': 'other' is in no training"),
            std::string::npos);
}

TEST_F(Tables, TestRowsAreHeldOutOrInAFileOfTheirOwn) {
  std::string text = "x,y\n";
  for (int i = 0; i < 50; ++i) text += fmt::format("{},{}\n", i, i % 2 == 0 ? "even" : "odd");
  const TrainAndTest data = made(text, {.target = "y"});
  EXPECT_EQ(data.train->size(), 40);
  EXPECT_EQ(data.test->size(), 10);
  const CsvSource own{.test_path = file("x,y\n7,odd\n", "b.csv"), .target = "y"};
  const TrainAndTest two = made(text, own);
  EXPECT_EQ(two.train->size(), 50);
  EXPECT_EQ(targets_of_table<i64>(*two.test), (std::vector<i64>{1}));
  file("x,y\n7,neither\n", "b.csv");
  EXPECT_NE(refused_source(text, own).find("'neither' is in no training row"), std::string::npos);
  file("y,x\nodd,7\n", "b.csv");
  EXPECT_NE(refused_source(text, own).find("b.csv has the columns y, x; the same in the order of "),
            std::string::npos);
  file("z,x\nodd,7\n", "b.csv");
  EXPECT_NE(refused_source(text, own).find("b.csv has the columns z, x; those of "),
            std::string::npos);
}

TEST_F(Tables, WrongColumnsAndValuesAreNamed) {
  const char* text = "size,price\n1,x\n";
  EXPECT_NE(refused_source(text, {.target = "prise"})
                .find("has no column 'prise'; did you mean "
                      "'price'?"),
            std::string::npos);
  EXPECT_NE(refused_source(text, {.target = "size", .test_split = 0})
                .find("line 2, column 'price': 'x' is no number; a number, or the column in "
                      "data.categorical, is required"),
            std::string::npos);
  EXPECT_NE(refused_source(text, {.target = "price", .columns = {"price"}}).find("the target"),
            std::string::npos);
  EXPECT_NE(refused_source(text, {.target = "price", .columns = {"size"}, .categorical = {"price"}})
                .find("which is no input"),
            std::string::npos);
  EXPECT_NE(refused_source("x,y\n1,2\n", {.target = "y", .columns = {"x", "x"}})
                .find("data.columns names 'x' twice"),
            std::string::npos);
  EXPECT_NE(
      refused_source("x,y\n1,a\n2,\xe4\n", {.target = "y", .test_split = 0})
          .find("line 3, column 'y': '\\xe4' is not UTF-8; a class name in UTF-8 is required"),
      std::string::npos);
  EXPECT_NE(refused_source("x,y\n1,a\n2,a\n", {.target = "y", .test_split = 0})
                .find("the same 'y'; at least two classes"),
            std::string::npos);
  EXPECT_NE(refused_source("x,y\n1e39,1\n", {.target = "y", .test_split = 0})
                .find("does not fit into f32"),
            std::string::npos);
  EXPECT_NE(
      user_error_of([] { csv({.path = "a", .target = "b", .separator = "::"}); }).find("separator"),
      std::string::npos);
}

TEST_F(Tables, CategoriesAreUtf8AndNamedOnce) {
  EXPECT_NE(
      refused_source("x,y\na,1\n\xe4,2\n", {.target = "y", .categorical = {"x"}, .test_split = 0})
          .find("line 3, column 'x': '\\xe4' is not UTF-8; a category in UTF-8 is required"),
      std::string::npos);
  EXPECT_NE(refused_source("x,y\n1,2\n", {.target = "y", .categorical = {"x", "x"}})
                .find("data.categorical names 'x' twice"),
            std::string::npos);
}

TEST_F(Tables, HaveNamesForTheirInputs) {
  const TrainAndTest data = made("size,city,price\n1,Bern,10\n2,Aarau,20.5\n",
                                 {.target = "price", .categorical = {"city"}, .test_split = 0});
  EXPECT_EQ(data.train->info().input_names, (Texts{"size", "city=Aarau", "city=Bern"}));
}

TEST_F(Tables, WithoutAColumnNameThoseTheyHave) {
  EXPECT_NE(refused_source("a;b;y\n1;2;3\n", {.target = "y"})
                .find("has no column 'y'; its one column is 'a;b;y'; data.separator is ','"),
            std::string::npos);
  EXPECT_NE(refused_source("a,b,c\n1,2,3\n", {.target = "target"})
                .find("has no column 'target'; its columns are a, b, c"),
            std::string::npos);
  EXPECT_EQ(refused("a;y\n1,5;3\n"),
            "csv: FILE line 2: 2 fields; as many as there are columns, 1, are required "
            "(data.separator is ',')");
  std::string many = "c0";
  for (int i = 1; i < 30; ++i) many += fmt::format(",c{}", i);
  const std::string message = refused_source(many + "\n1\n", {.target = "target"});
  EXPECT_EQ(message.find("c9"), std::string::npos) << message;
}

// The rows that are held out for the test are not looked at for categories.
TEST_F(Tables, ARareCategoryIsSaidToBeHeldOut) {
  const std::vector<i64> held_out = test_samples(20, 0.2);
  std::string rare = "c,y\n";
  for (int i = 0; i < 20; ++i)
    rare += fmt::format("{},{}\n", i == held_out[1] ? "rare" : i % 2 == 0 ? "a" : "b", i);
  const std::string message = refused_source(rare, {.target = "y", .categorical = {"c"}});
  EXPECT_NE(message.find("column 'c': 'rare' is in no training row; one of 2 values is required "
                         "(data.test_split holds this row out"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace weft::data
