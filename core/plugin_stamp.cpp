// SPDX-License-Identifier: Apache-2.0
// source of the layout: the System V ABI, chapter "Object Files" (https://gabi.xinuos.com)
#include "weft/core/plugin_stamp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <elf.h>
#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/plugin_abi.h"
#include "weft/core/regular_file.h"

namespace weft {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
constexpr Elf64_Half kMachine = EM_NONE;  // the machine is then left to the loader
#endif

constexpr std::string_view kFirstLine = "weft plugin 1";

class PluginFile {
 public:
  explicit PluginFile(const std::string& path) : path_(path), file_(path) {
    file_.defect().check(subject(), "a shared library is required");
  }

  std::string stamp() const {
    const Sections sections = read_sections();
    const std::string names = read_names(sections.all[sections.names]);
    std::optional<Elf64_Shdr> found;
    for (const Elf64_Shdr& section : sections.all) {
      if (name_at(names, section.sh_name) != WEFT_PLUGIN_SECTION) continue;
      check(!found, "two sections " WEFT_PLUGIN_SECTION);
      found = section;
    }
    WEFT_CHECK(found.has_value(),
               "plugin {}: it has no section " WEFT_PLUGIN_SECTION
               "; a plugin that weft_add_plugin() of CMake has made is required",
               path_);
    check(found->sh_type == SHT_PROGBITS && found->sh_size <= u64{kMostStampBytes},
          "a section " WEFT_PLUGIN_SECTION " that holds no stamp");
    std::string text(static_cast<std::size_t>(found->sh_size), '\0');
    read(text.data(), found->sh_size, found->sh_offset, "the stamp");
    while (text.ends_with('\0')) text.pop_back();
    const bool printed = std::all_of(text.begin(), text.end(),
                                     [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
    check(printed && text.starts_with(kFirstLine) && text.ends_with('\n'),
          "a stamp of another form");
    return text;
  }

 private:
  struct Sections {
    std::vector<Elf64_Shdr> all;
    std::size_t names;  // the index of the one that holds their names
  };

  std::string subject() const { return "plugin " + path_ + ": it"; }

  void check(bool holds, std::string_view what) const {
    WEFT_CHECK(holds, "plugin {}: it has {}; a shared library as the linker wrote it is required",
               path_, what);
  }

  void read(void* into, u64 bytes, u64 at, std::string_view what) const {
    const auto size = static_cast<u64>(file_.bytes());
    WEFT_CHECK(
        at <= size && bytes <= size - at,
        "plugin {}: it has {} bytes, and {} would end behind them; a whole shared library is "
        "required",
        path_, size, what);
    file_.read(into, static_cast<i64>(bytes), static_cast<i64>(at))
        .check(subject(), "a whole shared library is required");
  }

  Sections read_sections() const {
    Elf64_Ehdr header{};
    WEFT_CHECK(file_.bytes() >= i64{sizeof header},
               "plugin {}: it has {} bytes; a shared library is required", path_, file_.bytes());
    read(&header, sizeof header, 0, "its header");
    constexpr unsigned char kOrder =
        std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    WEFT_CHECK(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0,
               "plugin {}: it is no ELF file; a shared library is required", path_);
    WEFT_CHECK(header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == kOrder &&
                   (kMachine == EM_NONE || header.e_machine == kMachine) && header.e_type == ET_DYN,
               "plugin {}: it is no shared library of this kind of machine; one is required",
               path_);
    check(header.e_shentsize == sizeof(Elf64_Shdr) && header.e_shnum > 0 &&
              header.e_shnum <= kMostSections && header.e_shstrndx < header.e_shnum,
          "no table of sections, or more than a plugin has");
    Sections sections{std::vector<Elf64_Shdr>(header.e_shnum), header.e_shstrndx};
    read(sections.all.data(), sections.all.size() * sizeof(Elf64_Shdr), header.e_shoff,
         "its table of sections");
    return sections;
  }

  std::string read_names(const Elf64_Shdr& section) const {
    check(section.sh_type == SHT_STRTAB && section.sh_size <= u64{kMostSectionNameBytes},
          "no names of sections, or more than a plugin has");
    std::string names(static_cast<std::size_t>(section.sh_size), '\0');
    read(names.data(), section.sh_size, section.sh_offset, "the names of its sections");
    return names;
  }

  // Looks at no more of a name than decides: names may overlap, and each could have a MiB.
  static std::string_view name_at(std::string_view names, u64 at) {
    constexpr std::string_view kWanted(WEFT_PLUGIN_SECTION);
    if (at >= names.size()) return {};
    const std::string_view name = names.substr(at, kWanted.size() + 1);
    return name.substr(0, name.find('\0'));
  }

  const std::string path_;
  const RegularFile file_;
};

// The value of a line `key=value`; empty if there is none.
std::string_view value_of(std::string_view stamp, std::string_view key) {
  for (std::size_t begin = 0; begin < stamp.size();) {
    const std::size_t end = std::min(stamp.find('\n', begin), stamp.size());
    const std::string_view line = stamp.substr(begin, end - begin);
    if (line.starts_with(key) && line.substr(key.size()).starts_with('='))
      return line.substr(key.size() + 1);
    begin = end + 1;
  }
  return {};
}

}  // namespace

std::string_view own_plugin_stamp() { return WEFT_PLUGIN_STAMP_TEXT(WEFT_VERSION); }

std::string read_plugin_stamp(const std::string& path) { return PluginFile(path).stamp(); }

std::string stamp_difference(std::string_view stamp, std::string_view own) {
  std::vector<std::string_view> given, required;
  for (const char* key : {"version", "compiler", "library", "build", "devices"}) {
    const std::string_view its = value_of(stamp, key), ours = value_of(own, key);
    if (its == ours) continue;
    given.push_back(its.empty() ? std::string_view("nothing that is known") : its);
    required.push_back(ours);
  }
  if (given.empty()) return {};
  return fmt::format("with {}; {} {} required, as weft itself was built", fmt::join(given, ", "),
                     fmt::join(required, ", "), required.size() == 1 ? "is" : "are");
}

}  // namespace weft
