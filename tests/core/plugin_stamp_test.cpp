// SPDX-License-Identifier: Apache-2.0
// The reader of a plugin's stamp, with whole and with forged files.
#include "weft/core/plugin_stamp.h"

#include <cstring>
#include <fstream>
#include <limits>
#include <string>

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "weft/core/plugin.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft {
namespace {

using test_support::InScratchFolder;
using test_support::message_of;

// A shared library with the sections: none, names, the stamp.
struct ForgedLibrary {
  Elf64_Ehdr header{};
  Elf64_Shdr sections[3]{};
  std::string names{"\0.names\0.weft_plugin\0", 21};
  std::string stamp{own_plugin_stamp()};

  ForgedLibrary() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] =
        std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    header.e_type = ET_DYN;
#if defined(__x86_64__)
    header.e_machine = EM_X86_64;
#elif defined(__aarch64__)
    header.e_machine = EM_AARCH64;
#endif
    header.e_shoff = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 1;
    place();
  }
  // Puts names and stamp behind the table.
  void place() {
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_STRTAB;
    sections[1].sh_offset = sizeof header + sizeof sections;
    sections[1].sh_size = names.size();
    sections[2].sh_name = 8;
    sections[2].sh_type = SHT_PROGBITS;
    sections[2].sh_offset = sections[1].sh_offset + names.size();
    sections[2].sh_size = stamp.size();
  }
  std::string bytes() const {
    std::string all(sizeof header + sizeof sections, '\0');
    std::memcpy(all.data(), &header, sizeof header);
    std::memcpy(all.data() + sizeof header, sections, sizeof sections);
    return all + names + stamp;
  }
};

class PluginStamp : public InScratchFolder {
 protected:
  PluginStamp() : InScratchFolder("stamp") {}

  std::string path() const { return dir("libforged.so").string(); }
  void write(const std::string& bytes) const { std::ofstream(path(), std::ios::binary) << bytes; }
  // Why the file is refused; the stamp if it is taken.
  std::string refusal(const std::string& bytes) const {
    write(bytes);
    std::string stamp;
    const std::string message = message_of([&] { stamp = read_plugin_stamp(path()); });
    return stamp.empty() ? message : stamp;
  }
  template <class Change>
  std::string refusal_after(const Change& change) const {
    ForgedLibrary library;
    change(library);
    return refusal(library.bytes());
  }
};

#define EXPECT_IN(part, text) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(PluginStamp, IsReadFromItsSection) {
  EXPECT_EQ(refusal(ForgedLibrary().bytes()), own_plugin_stamp());
  // The compiler ends a literal with a zero, and a linker may align.
  EXPECT_EQ(refusal_after([](ForgedLibrary& l) {
              l.stamp += std::string(3, '\0');
              l.place();
            }),
            own_plugin_stamp());
}

TEST_F(PluginStamp, EveryTruncationIsRefused) {
  const std::string whole = ForgedLibrary().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_IN("is required", refusal(whole.substr(0, size))) << size;
}

TEST_F(PluginStamp, EveryChangedByteIsRefusedOrHarmless) {
  const std::string whole = ForgedLibrary().bytes();
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int bit : {0, 7}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const std::string result = refusal(changed);
      EXPECT_TRUE(result.starts_with("plugin ") || result.starts_with("weft plugin 1\n")) << result;
    }
}

TEST_F(PluginStamp, OnlySharedLibrariesOfThisMachineAreRead) {
  EXPECT_IN("it has 0 bytes; a shared library is required", refusal(""));
  EXPECT_IN("it is no ELF file", refusal(std::string(1000, 'x')));
  const std::string kind = "it is no shared library of this kind of machine";
  EXPECT_IN(kind, refusal_after([](auto& l) { l.header.e_ident[EI_CLASS] = ELFCLASS32; }));
  EXPECT_IN(kind, refusal_after([](auto& l) { l.header.e_ident[EI_DATA] ^= 3; }));
  EXPECT_IN(kind, refusal_after([](auto& l) { l.header.e_type = ET_EXEC; }));
#if defined(__x86_64__) || defined(__aarch64__)
  EXPECT_IN(kind, refusal_after([](auto& l) { l.header.e_machine = EM_S390; }));
#endif
}

TEST_F(PluginStamp, TheTableOfSectionsIsBounded) {
  const std::string table = "no table of sections";
  EXPECT_IN(table, refusal_after([](auto& l) { l.header.e_shnum = 0; }));
  EXPECT_IN(table, refusal_after([](auto& l) { l.header.e_shnum = 65535; }));
  EXPECT_IN(table, refusal_after([](auto& l) { l.header.e_shentsize = 1; }));
  EXPECT_IN(table, refusal_after([](auto& l) { l.header.e_shstrndx = 3; }));
  EXPECT_IN("its table of sections would end behind them",
            refusal_after([](auto& l) { l.header.e_shnum = 4096; }));
  for (const u64 at : {u64{1} << 40, std::numeric_limits<u64>::max(),
                       std::numeric_limits<u64>::max() - 63, u64{1} << 63})
    EXPECT_IN("its table of sections would end behind them",
              refusal_after([&](auto& l) { l.header.e_shoff = at; }));
}

TEST_F(PluginStamp, NamesAreBounded) {
  EXPECT_IN("no names of sections", refusal_after([](auto& l) {
              l.sections[1].sh_size = static_cast<u64>(kMostSectionNameBytes) + 1;
            }));
  EXPECT_IN("no names of sections",
            refusal_after([](auto& l) { l.sections[1].sh_type = SHT_NOBITS; }));
  EXPECT_IN("the names of its sections would end behind them",
            refusal_after([](auto& l) { l.sections[1].sh_offset = ~u64{0} - 4; }));
  // A name outside of the names, and one without an end.
  EXPECT_IN("it has no section .weft_plugin",
            refusal_after([](auto& l) { l.sections[2].sh_name = ~0U; }));
  EXPECT_EQ(refusal_after([](ForgedLibrary& l) {
              l.names.pop_back();
              l.place();
            }),
            own_plugin_stamp());
  EXPECT_IN("it has no section .weft_plugin", refusal_after([](auto& l) { l.names[20] = 's'; }));
}

TEST_F(PluginStamp, TheStampIsBoundedAndText) {
  EXPECT_IN("two sections .weft_plugin",
            refusal_after([](auto& l) { l.sections[0] = l.sections[2]; }));
  EXPECT_IN("holds no stamp", refusal_after([](auto& l) { l.sections[2].sh_type = SHT_NOBITS; }));
  EXPECT_IN("holds no stamp",
            refusal_after([](auto& l) { l.sections[2].sh_size = u64{kMostStampBytes} + 1; }));
  EXPECT_IN("the stamp would end behind them",
            refusal_after([](auto& l) { l.sections[2].sh_size = u64{kMostStampBytes}; }));
  EXPECT_IN("a stamp of another form", refusal_after([](auto& l) { l.sections[2].sh_size = 0; }));
  EXPECT_IN("a stamp of another form", refusal_after([](auto& l) { l.stamp[20] = '\x1b'; }));
  EXPECT_IN("a stamp of another form", refusal_after([](auto& l) { l.stamp[12] = '2'; }));
}

TEST_F(PluginStamp, OnlyRegularFilesAreRead) {
  EXPECT_IN("it does not exist", message_of([&] { read_plugin_stamp(path()); }));
  EXPECT_IN("is a folder", message_of([&] { read_plugin_stamp(folder_.string()); }));
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_IN("is a pipe", message_of([&] { read_plugin_stamp(path()); }));
}

TEST(PluginStamps, TheDifferenceNamesWhatIsGivenAndRequired) {
  const std::string own =
      "weft plugin 1\nversion=weft 2.0\ncompiler=g++ 12\nlibrary=a\nbuild=b\ndevices=CPU\n";
  EXPECT_EQ(stamp_difference(own, own), "");
  EXPECT_EQ(
      stamp_difference(
          "weft plugin 1\nversion=weft 2.0\ncompiler=g++ 13\nlibrary=a\nbuild=b\ndevices=CPU\n",
          own),
      "with g++ 13; g++ 12 is required, as weft itself was built");
  EXPECT_EQ(
      stamp_difference("weft plugin 1\nversion=weft 2.0\ncompiler=g++ 12\nlibrary=a\n", own),
      "with nothing that is known, nothing that is known; b, CPU are required, as weft itself "
      "was built");
  for (const char* key : {"version", "compiler", "library", "build", "devices"})
    EXPECT_NE(own_plugin_stamp().find(std::string("\n") + key + "="), std::string_view::npos);
}

// A file with the right stamp and nothing else is refused by the loader, in one sentence.
TEST_F(PluginStamp, ALibraryThatCannotBeLoadedIsASentence) {
  write(ForgedLibrary().bytes());
  const std::string message = message_of([&] { load_plugin(path()); });
  EXPECT_IN("it cannot be loaded (", message);
  EXPECT_TRUE(loaded_plugins().empty());
  EXPECT_EQ(plugin_being_loaded(), nullptr);
}

}  // namespace
}  // namespace weft
