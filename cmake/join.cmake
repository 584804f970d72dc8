# SPDX-License-Identifier: Apache-2.0
# Most of the compile time of a file is spent on headers and templates that its neighbours compile
# too (nlohmann/json, CLI11, GoogleTest, the registries). Joining compiles several files of a target
# in one translation unit, which halves the time of a whole build. A change to one file then
# compiles its whole unit again, so the preset `dev` does not join.
option(WEFT_JOIN "Compile several files of a target as one translation unit" OFF)

# weft_join(TARGET FILES [NAME…]) puts that many files in one unit. Files with options of their own
# stay alone. Files of one unit share their anonymous namespaces, so a name there must be unique
# among the files of the target. `registered`, which every registry entry has, and each NAME are
# made unique here; no header may use them. kernels/ is never joined, because its results must not
# change by a bit, and inlining may change them.
function(weft_join target files)
  if(NOT WEFT_JOIN)
    return()
  endif()
  set(before "#define WEFT_JOIN_2(a, b) a##b\n#define WEFT_JOIN_1(a, b) WEFT_JOIN_2(a, b)")
  foreach(name registered ${ARGN})
    string(APPEND before "\n#undef ${name}\n#define ${name} WEFT_JOIN_1(${name}_, WEFT_UNIT)")
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${files}
                        UNITY_BUILD_UNIQUE_ID WEFT_UNIT UNITY_BUILD_CODE_BEFORE_INCLUDE "${before}")
  # A class of a .cpp file may have members of types in an anonymous namespace. g++ warns about this
  # in headers, and takes the files of a unit for headers.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endfunction()
