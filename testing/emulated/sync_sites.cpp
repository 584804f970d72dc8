// SPDX-License-Identifier: Apache-2.0
// The part of tools/torture_kernels.py that runs in the test binary. Its environment variables:
//   WEFT_SYNC_SITES=FILE      writes a line "test<TAB>operation<TAB>file:line" for each barrier and
//                             fence that each test reached
//   WEFT_SKIP_SITE=FILE:LINE  disables that barrier or fence
#include <cstdlib>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "weft/device/simt/simt.h"
#include "weft/testing/emulated/sync_sites.h"

namespace weft::testing {
namespace {

class SyncSiteWriter : public ::testing::EmptyTestEventListener {
 public:
  explicit SyncSiteWriter(const char* path) : file_(path) {}

 private:
  void OnTestStart(const ::testing::TestInfo&) override { simt::forget_sync_sites(); }
  void OnTestEnd(const ::testing::TestInfo& test) override {
    for (const simt::SyncSite& site : simt::visited_sync_sites())
      file_ << test.test_suite_name() << '.' << test.name() << '\t' << site.operation << '\t'
            << site.place.file << ':' << site.place.line << '\n';
  }

  std::ofstream file_;
};

class FromEnvironment : public ::testing::Environment {
  void SetUp() override {
    if (const char* path = std::getenv("WEFT_SYNC_SITES"))
      ::testing::UnitTest::GetInstance()->listeners().Append(new SyncSiteWriter(path));
    if (const char* wish = std::getenv("WEFT_SKIP_SITE")) {
      static const std::string site = wish;
      const auto colon = site.rfind(':');
      static const std::string file = site.substr(0, colon);
      simt::options().skip = {file.c_str(),
                              static_cast<unsigned>(std::strtoul(&site[colon + 1], nullptr, 10))};
    }
  }
};
[[maybe_unused]] const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new FromEnvironment);

}  // namespace

void link_sync_sites() {}

}  // namespace weft::testing
