# SPDX-License-Identifier: Apache-2.0
# Half of what a file of ours takes to compile is the standard library's headers and fmt's, which
# are therefore read once. Headers of ours are not among them: a change would compile everything
# again. That hides a missing #include; clang-tidy, which does without them (tools/check_tidy.sh),
# finds it.
option(WEFT_PRECOMPILE "Precompile the standard library's headers" ON)
if(WEFT_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)  # without it ccache stands aside
endif()

# weft_precompile(TARGET [HEADER…]): headers besides the common ones, which must be of other
# projects.
function(weft_precompile target)
  if(WEFT_PRECOMPILE)
    foreach(header algorithm array atomic chrono cmath cstring filesystem fstream functional map memory mutex
                   optional span string string_view tuple unordered_map variant vector fmt/format.h ${ARGN})
      target_precompile_headers(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:<${header}$<ANGLE-R>>")
    endforeach()
  endif()
endfunction()
# weft_precompile_like(TARGET OWNER): both are compiled with the same options, and share what OWNER
# has.
function(weft_precompile_like target owner)
  if(WEFT_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
