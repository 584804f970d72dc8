# SPDX-License-Identifier: Apache-2.0
# Most of what a file of ours takes to compile is headers and templates that its neighbours compile
# as well (nlohmann/json, CLI11, GoogleTest, the registries). Joined, the files of a target are
# compiled several in one translation unit, which halves the time of a whole build. One changed file
# then compiles its whole unit again: the preset `dev` does not join.
option(WEFT_JOIN "Compile several files of a target as one translation unit" OFF)

# weft_join(TARGET FILES [NAME…]): that many files in one unit. Files with options of their own stay
# alone. Files of one unit share their anonymous namespaces, so a name there must be unique among
# the files of the target. `registered`, which every registry entry has, and each NAME are made
# unique here; no header may use them. kernels/ is never joined: its results are promised to the
# bit, and inlining is part of how they arise.
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
  # A class of a .cpp file may have members of types from an anonymous namespace; in a unit, g++
  # takes the file for a header, where that would be a mistake.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endfunction()
