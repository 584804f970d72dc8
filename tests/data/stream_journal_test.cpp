// SPDX-License-Identifier: Apache-2.0
#include "weft/data/stream/journal.h"

#include <cstring>
#include <fstream>

#include <gtest/gtest.h>

#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

namespace fs = std::filesystem;

constexpr i64 kRecordBytes = 8;
constexpr i64 kFileHeaderBytes = 24, kEntryBytes = 16 + kRecordBytes;

void put(Journal& journal, const std::string& producer, i64 number, i64 value) {
  journal.append(producer, static_cast<u64>(number), reinterpret_cast<const std::byte*>(&value));
}

i64 value_at(const Journal& journal, i64 index) {
  i64 value = -1;
  journal.read(index, reinterpret_cast<std::byte*>(&value));
  return value;
}

void change(const fs::path& path, i64 at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get());
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
}

class Journals : public ::testing::Test {
 protected:
  fs::path folder() const { return temp_.path() / "stream"; }
  fs::path records() const { return folder() / "records-0.bin"; }
  void write_three() const {
    Journal journal(folder(), kRecordBytes, 0, 0);
    put(journal, "a", 1, 10);
    put(journal, "b", 4, 20);
    put(journal, "a", 2, 30);
  }
  Journal open(i64 first = 0, i64 promised = 0) const {
    return Journal(folder(), kRecordBytes, first, promised);
  }

 private:
  TempFolder temp_;
};

TEST_F(Journals, KeepRecordsAndProducers) {
  write_three();
  {
    Journal journal = open();
    EXPECT_EQ(journal.end(), 3);
    EXPECT_EQ(value_at(journal, 1), 20);
    EXPECT_EQ(journal.producers().at("a").last, 2U);
    EXPECT_EQ(journal.producers().at("b").last, 4U);
    put(journal, "a", 3, 40);
    journal.note_end("a");
    EXPECT_TRUE(journal.producers().at("a").ended);
  }
  const Journal journal = open(2, 4);
  EXPECT_EQ(journal.end(), 4);
  EXPECT_EQ(value_at(journal, 3), 40);
  EXPECT_TRUE(journal.producers().at("a").ended);
  EXPECT_FALSE(journal.producers().at("b").ended);
}

// A power failure may leave any part of the last record.
TEST_F(Journals, AreCutAfterTheLastWholeRecord) {
  write_three();
  const auto whole = static_cast<i64>(fs::file_size(records()));
  ASSERT_EQ(whole, kFileHeaderBytes + 3 * kEntryBytes);
  for (i64 bytes = whole - 1; bytes >= 0; --bytes) {
    fs::remove_all(folder());
    write_three();
    fs::resize_file(records(), static_cast<std::uintmax_t>(bytes));
    Journal journal = open();
    const i64 left = std::max<i64>(0, (bytes - kFileHeaderBytes) / kEntryBytes);
    ASSERT_EQ(journal.end(), left) << bytes;
    put(journal, "c", 1, 99);
    EXPECT_EQ(value_at(journal, left), 99);
  }
}

TEST_F(Journals, EveryChangedByteOfARecordIsFound) {
  for (i64 at = kFileHeaderBytes + 2 * kEntryBytes; at < kFileHeaderBytes + 3 * kEntryBytes; ++at) {
    fs::remove_all(folder());
    write_three();
    change(records(), at);
    EXPECT_EQ(open().end(), 2) << at;
  }
}

TEST_F(Journals, ADamagedRecordDoesNotRemoveIntactOnes) {
  write_three();
  change(records(), kFileHeaderBytes + kEntryBytes);
  const auto bytes = fs::file_size(records());
  for (const i64 first : {0, 1})
    EXPECT_CONTAINS(user_error_of([&] { open(first); }),
                    "1 are damaged or missing, and 1 behind the first of these are intact");
  EXPECT_EQ(fs::file_size(records()), bytes);
  Journal journal = open(2, 3);  // what was trained on is not checked
  EXPECT_EQ(journal.end(), 3);
  EXPECT_EQ(value_at(journal, 2), 30);
  put(journal, "a", 3, 40);
  EXPECT_EQ(value_at(journal, 3), 40);
}

TEST_F(Journals, MissingRecordsBetweenFilesAreNamed) {
  write_three();
  const fs::path elsewhere = folder().parent_path() / "elsewhere";
  {
    Journal journal(elsewhere, kRecordBytes, 5, 0);
    put(journal, "a", 3, 50);
  }
  const fs::path second = folder() / "records-5.bin";
  fs::copy_file(elsewhere / "records-5.bin", second);
  EXPECT_CONTAINS(user_error_of([&] { open(1); }), "from 1 on, 3 to 4 are damaged or missing");
  EXPECT_EQ(open(5).end(), 6);
  EXPECT_TRUE(fs::exists(records()));  // for an older checkpoint
  change(second, kFileHeaderBytes);    // nothing intact is behind the third record now
  EXPECT_EQ(open(1).end(), 3);
  EXPECT_FALSE(fs::exists(second));
}

// A power failure may leave the file without its first block.
TEST_F(Journals, ANewestFileWithoutAHeaderIsEmpty) {
  const fs::path newest = folder() / "records-3.bin";
  for (const std::size_t bytes : {0U, 10U, 24U, 4096U})
    for (const i64 first : {0, 3}) {
      fs::remove_all(folder());
      write_three();
      std::ofstream(newest, std::ios::binary) << std::string(bytes, '\0');
      Journal journal = open(first);
      ASSERT_EQ(journal.end(), 3) << bytes;
      put(journal, "a", 3, 40);
      EXPECT_EQ(value_at(journal, 3), 40);
    }
  std::ofstream(newest, std::ios::binary) << "another file, longer than a header";
  EXPECT_CONTAINS(user_error_of([&] { open(3); }), "holds other records");
}

TEST_F(Journals, WithoutTheNamesOfTheProducersAreRefused) {
  write_three();
  const fs::path names = folder() / "producers.txt";
  const auto bytes = fs::file_size(records());
  fs::remove(names);
  EXPECT_CONTAINS(user_error_of([&] { open(); }), "producers.txt names no producer");
  EXPECT_CONTAINS(user_error_of([&] { open(3, 3); }), "producers.txt names no producer");
  EXPECT_FALSE(fs::exists(names));
  std::ofstream(names) << "producer a\nproduc";
  EXPECT_CONTAINS(user_error_of([&] { open(); }), "is of producer 2");
  EXPECT_EQ(fs::file_size(names), 17U);
  EXPECT_EQ(fs::file_size(records()), bytes);
}

TEST_F(Journals, OtherFilesAreRefused) {
  write_three();
  EXPECT_CONTAINS(user_error_of([&] { Journal(folder(), kRecordBytes + 1, 0, 0); }),
                  "holds other records");
  {
    std::ofstream(folder() / "producers.txt") << "producer ../a\n";
    EXPECT_CONTAINS(user_error_of([&] { open(); }), "letters, digits");
    std::ofstream(folder() / "producers.txt") << "hello\n";
    EXPECT_CONTAINS(user_error_of([&] { open(); }), "neither 'producer NAME'");
  }
  fs::remove_all(folder());
  fs::create_directory(folder());
  const fs::path elsewhere = folder().parent_path() / "mine.bin";
  std::ofstream(elsewhere) << "mine";
  fs::create_symlink(elsewhere, records());
  EXPECT_THROW(open(), Error);  // a link is not followed
  EXPECT_EQ(fs::file_size(elsewhere), 4U);
}

TEST_F(Journals, ALineThatWasCutOffIsRemoved) {
  write_three();
  const auto bytes = fs::file_size(folder() / "producers.txt");
  std::ofstream(folder() / "producers.txt", std::ios::app) << "produ";
  {
    Journal journal = open();
    EXPECT_EQ(fs::file_size(folder() / "producers.txt"), bytes);
    put(journal, "c", 1, 40);
  }
  EXPECT_EQ(open().producers().at("c").last, 1U);
}

// A journal that was removed leaves the numbers of later records as the checkpoint requires them.
TEST_F(Journals, GoOnBehindMissingRecords) {
  {
    Journal journal = open(100, 120);
    EXPECT_EQ(journal.end(), 100);
    put(journal, "a", 1, 5);
    EXPECT_EQ(value_at(journal, 100), 5);
  }
  EXPECT_EQ(open(101, 0).end(), 101);
  EXPECT_CONTAINS(user_error_of([&] { open(50, 0); }),
                  "begin at 100, and the checkpoint goes on at 50");
}

TEST_F(Journals, TrimRemovesWholeFilesOnly) {
  Journal journal = open(10, 0);
  put(journal, "a", 1, 5);
  journal.trim(11);
  EXPECT_EQ(value_at(journal, 10), 5);
  EXPECT_EQ(journal.files().size(), 3U);  // the folder, the records, the producers
}

TEST_F(Journals, FilesBeforeTheTrimmedRecordGo) {
  constexpr i64 kLarge = i64{1} << 20, kRecords = 70;
  std::vector<i64> record(kLarge / sizeof(i64));
  {
    Journal journal(folder(), kLarge, 0, 0);
    for (i64 i = 0; i < kRecords; ++i) {
      record[0] = i;
      journal.append("a", static_cast<u64>(i + 1),
                     reinterpret_cast<const std::byte*>(record.data()));
    }
    ASSERT_EQ(journal.files().size(), 4U);  // the folder, two files of records, the producers
    journal.trim(60);
    EXPECT_EQ(journal.files().size(), 4U);
    journal.trim(65);
    EXPECT_EQ(journal.files().size(), 3U);
    EXPECT_FALSE(fs::exists(records()));
    journal.read(66, reinterpret_cast<std::byte*>(record.data()));
    EXPECT_EQ(record[0], 66);
  }
  const Journal again(folder(), kLarge, 66, kRecords);
  EXPECT_EQ(again.end(), kRecords);
  EXPECT_EQ(again.producers().at("a").last, static_cast<u64>(kRecords));
  again.read(69, reinterpret_cast<std::byte*>(record.data()));
  EXPECT_EQ(record[0], 69);
  EXPECT_CONTAINS(user_error_of([&] { Journal(folder(), kLarge, 3, 0); }), "begin at 6");
}

}  // namespace
}  // namespace weft::data
