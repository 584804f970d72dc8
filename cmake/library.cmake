# SPDX-License-Identifier: Apache-2.0
# libweft and the `weft` command.

# This include folder has a link `weft` to the source root, so that includes are spelled
# `weft/tensor/tensor.h` in the tree too.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/include/weft SYMBOLIC)

# libweft is one shared library. Registered entries would be lost from static archives, and a plugin
# that linked an archive would have a registry of its own.
add_library(weft SHARED)
add_library(weft::weft ALIAS weft)
set_target_properties(weft PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_include_directories(weft PUBLIC $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include>
                                       $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(weft PUBLIC cxx_std_20)
target_link_libraries(weft PUBLIC fmt::fmt PRIVATE $<BUILD_INTERFACE:weft_dependencies>)
# Calls from libweft to its own functions are direct, not through a table that another library could
# change: a small op makes dozens.
target_link_options(weft PRIVATE -Wl,--no-undefined -Wl,-Bsymbolic-functions)
if(NOT WEFT_CUDA STREQUAL "OFF")
  target_compile_definitions(weft PUBLIC WEFT_HAS_CUDA)
endif()

foreach(folder ${WEFT_FOLDERS})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp ${folder}/*/*.cpp ${folder}/*_cuda.cu ${folder}/*/*_cuda.cu)
  list(FILTER sources EXCLUDE REGEX "/dist/(gloo|nccl)/")  # cmake/gloo.cmake, cmake/nccl.cmake
  weft_choose_device(sources)
  file(GLOB assets CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.css ${CMAKE_SOURCE_DIR}/${folder}/*.js
       ${CMAKE_SOURCE_DIR}/${folder}/*/*.css ${CMAKE_SOURCE_DIR}/${folder}/*/*.js)
  if(assets)
    weft_assets(sources ${assets})
  endif()
  if(sources)
    add_library(weft_${folder} OBJECT ${sources})
    target_include_directories(weft_${folder} PRIVATE ${CMAKE_BINARY_DIR}/include)
    target_compile_definitions(weft_${folder} PRIVATE WEFT_VERSION="${PROJECT_VERSION}")
    target_link_libraries(weft_${folder} PRIVATE weft_dependencies)
    target_sources(weft PRIVATE $<TARGET_OBJECTS:weft_${folder}>)
    if(NOT folder STREQUAL "kernels")  # cmake/join.cmake says why
      weft_join(weft_${folder} 16)
    endif()
    if(folder STREQUAL "core" OR folder STREQUAL "kernels")  # kernels has options of its own
      weft_precompile(weft_${folder})
    else()
      weft_precompile_like(weft_${folder} weft_core)
    endif()
  endif()
endforeach()

# Samples are read, checked and changed in loops whose length is known only at run time. g++
# vectorises those by -O3, or by -O2 with this cost model.
set(gnu_release "$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<CONFIG:Release>>")
target_compile_options(weft_data PRIVATE $<${gnu_release}:-fvect-cost-model=dynamic>)

if(WEFT_CUDA STREQUAL "EMULATED")
  # ThreadSanitizer must not follow the emulator's switches between the stacks of threads
  # (device/simt/sanitizers.h). The emulator tells it what it needs.
  file(GLOB simt_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/device/simt/*.cpp)
  set_source_files_properties(${simt_sources} PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all;-O2"
                                                         SKIP_PRECOMPILE_HEADERS ON)
endif()

if(TARGET weft_kernels)
  # errno and floating-point traps prevent vectorisation, and no code here reads them. Results stay
  # the same. -march is not set, because the vector width is chosen at run time.
  target_compile_options(weft_kernels PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-fno-math-errno;-fno-trapping-math>"
                                              "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O3>")
  if(TARGET weft_onednn)
    target_link_libraries(weft_kernels PRIVATE weft_onednn)
    target_link_libraries(weft PRIVATE $<BUILD_INTERFACE:weft_onednn>)
  endif()
endif()

file(GLOB app_sources CONFIGURE_DEPENDS app/*.cpp)
if(app_sources)
  add_executable(weft_app ${app_sources})
  set_target_properties(weft_app PROPERTIES OUTPUT_NAME weft INSTALL_RPATH
                        "\$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  target_compile_definitions(weft_app PRIVATE WEFT_VERSION="${PROJECT_VERSION}")
  target_link_libraries(weft_app PRIVATE weft weft_dependencies CLI11::CLI11)
  # With -O1, CLI11 takes two thirds of the compile time, and no code here runs often.
  target_compile_options(weft_app PRIVATE $<$<CONFIG:Release>:-O1>)
  weft_join(weft_app 16)
  if(NOT WEFT_JOIN)  # a joined target is one file
    weft_precompile(weft_app CLI/CLI.hpp)
  endif()
endif()
