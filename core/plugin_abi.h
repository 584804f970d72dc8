// SPDX-License-Identifier: Apache-2.0
// The stamp of a plugin: what it was built with, as far as it decides whether its code and weft's
// fit together. weft_add_plugin() of the CMake package compiles the stamp into a section of the
// plugin, with the options and the compiler of the plugin. libweft has the same text of itself.
//
// The text has one line `key=value` for each property and is a string literal, so that it can be
// read from the file without running any code (core/plugin_stamp.h).
#pragma once
#include <version>

#define WEFT_ABI_TEXT_2(x) #x
#define WEFT_ABI_TEXT(x) WEFT_ABI_TEXT_2(x)

#if defined(__clang__)
#define WEFT_ABI_COMPILER "clang " WEFT_ABI_TEXT(__clang_major__)
#else
#define WEFT_ABI_COMPILER "g++ " WEFT_ABI_TEXT(__GNUC__)
#endif

#if defined(_LIBCPP_VERSION)
#define WEFT_ABI_LIBRARY "libc++ of ABI " WEFT_ABI_TEXT(_LIBCPP_ABI_VERSION)
#else
#define WEFT_ABI_LIBRARY \
  "libstdc++ " WEFT_ABI_TEXT(_GLIBCXX_RELEASE) " of ABI " WEFT_ABI_TEXT(_GLIBCXX_USE_CXX11_ABI)
#endif

// An optimised build and a build for a debugger fit together, unless containers have another layout
// or one has a sanitizer.
#if defined(__has_feature)
#define WEFT_ABI_HAS_FEATURE(x) __has_feature(x)
#else
#define WEFT_ABI_HAS_FEATURE(x) 0
#endif
#if defined(_GLIBCXX_DEBUG)
#define WEFT_ABI_CONTAINERS "checked containers"
#else
#define WEFT_ABI_CONTAINERS "plain containers"
#endif
#if defined(__SANITIZE_ADDRESS__) || WEFT_ABI_HAS_FEATURE(address_sanitizer)
#define WEFT_ABI_SANITIZER ", AddressSanitizer"
#elif defined(__SANITIZE_THREAD__) || WEFT_ABI_HAS_FEATURE(thread_sanitizer)
#define WEFT_ABI_SANITIZER ", ThreadSanitizer"
#else
#define WEFT_ABI_SANITIZER ""
#endif

// weft::Device has an alternative more in a build with CUDA, real or emulated.
#if defined(WEFT_HAS_CUDA)
#define WEFT_ABI_DEVICES "CPU and CUDA"
#else
#define WEFT_ABI_DEVICES "CPU"
#endif

// `version` is that of the headers, as a string literal.
#define WEFT_PLUGIN_STAMP_TEXT(version)                                           \
  "weft plugin 1\nversion=weft " version "\ncompiler=" WEFT_ABI_COMPILER          \
  "\nlibrary=" WEFT_ABI_LIBRARY "\nbuild=" WEFT_ABI_CONTAINERS WEFT_ABI_SANITIZER \
  "\ndevices=" WEFT_ABI_DEVICES "\n"

#define WEFT_PLUGIN_SECTION ".weft_plugin"

// The whole source file that weft_add_plugin() adds to a plugin.
#define WEFT_PLUGIN_STAMP(version)                                                     \
  __attribute__((section(WEFT_PLUGIN_SECTION), used)) const char weft_plugin_stamp[] = \
      WEFT_PLUGIN_STAMP_TEXT(version);
