# SPDX-License-Identifier: Apache-2.0
# Language, warnings, optimisation and sanitizers of all targets.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# -O2 compiles a third faster than -O3. Its code is as fast outside kernels/, which adds -O3
# (cmake/library.cmake). Assertions of the standard library stay off; WEFT_CHECK is always on.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# With sanitizers, -Og takes two thirds of the compile time of -O1 and runs as fast.
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1 -D_GLIBCXX_ASSERTIONS")

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEFT_CCACHE})
endif()

# Newer compilers have warnings that the project is not tested with. They must not stop a user.
set(werror_default OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(werror_default ON)
endif()
option(WEFT_WERROR "Warnings are errors" ${werror_default})

# nvcc needs -Xcompiler before an option of the compiler. CUDA's own headers shadow names and have
# many pragmas.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow>"
                    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-unknown-pragmas>")
if(WEFT_WERROR)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Werror>" "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()

# __FILE__ is the same in messages and in the compiler cache, wherever the clone is.
foreach(folder ${CMAKE_BINARY_DIR}/include/weft ${CMAKE_SOURCE_DIR})
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fmacro-prefix-map=${folder}/=>"
                      "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fmacro-prefix-map=${folder}/=>")
endforeach()

set(WEFT_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")
if(WEFT_SANITIZE)
  # With sanitizers, g++ 12 reports uninitialised members in its own std::regex.
  add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
                      -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=${WEFT_SANITIZE})
endif()
