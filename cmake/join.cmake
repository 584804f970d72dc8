# SPDX-License-Identifier: Apache-2.0
# Most of what a file of ours takes to compile is headers and templates that its neighbours compile as
# well (nlohmann/json, CLI11, GoogleTest, the registries). Joined, the files of a target are compiled
# several in one translation unit, which halves the time of a whole build. One changed file then
# compiles its whole unit again: the preset `dev` does not join.
#
# Files of one target share their anonymous namespaces where they are joined, so a name there must be
# unique in its folder. `registered`, which every registry entry has, is made unique here.
option(WEFT_JOIN "Compile several files of a target as one translation unit" OFF)

# weft_join(TARGET FILES): that many files in one unit. Files with options of their own stay alone.
# kernels/ is never joined: its results are promised to the bit, and inlining is part of how they arise.
function(weft_join target files)
  if(WEFT_JOIN)
    set_target_properties(${target} PROPERTIES
      UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${files} UNITY_BUILD_UNIQUE_ID WEFT_UNIT
      UNITY_BUILD_CODE_BEFORE_INCLUDE "#undef registered\n#define registered WEFT_UNIT")
    # A class of a .cpp file may have members of types from an anonymous namespace; in a unit, g++
    # takes the file for a header, where that would be a mistake.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
  endif()
endfunction()
