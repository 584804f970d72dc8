# SPDX-License-Identifier: Apache-2.0
# Half of the compile time of a file is spent on headers of the standard library and of fmt, which
# are therefore precompiled. weft's own headers are not, because a change would compile everything
# again. Precompiling hides a missing #include, but clang-tidy compiles without it
# (tools/check_tidy.sh) and finds it.
option(WEFT_PRECOMPILE "Precompile the standard library's headers" ON)
if(WEFT_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)  # ccache needs this option
endif()

# weft_precompile(TARGET [HEADER…]) precompiles the common headers and these. They must be headers
# of other projects.
function(weft_precompile target)
  if(WEFT_PRECOMPILE)
    foreach(header algorithm array atomic chrono cmath cstring filesystem fstream functional map memory mutex
                   optional span string string_view tuple unordered_map variant vector fmt/format.h ${ARGN})
      target_precompile_headers(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:<${header}$<ANGLE-R>>")
    endforeach()
  endif()
endfunction()
# weft_precompile_like(TARGET OWNER) uses the precompiled headers of OWNER. Both targets must have
# the same options, but for options of optimisation, which g++ takes from each file.
function(weft_precompile_like target owner)
  if(WEFT_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
