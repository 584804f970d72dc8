# SPDX-License-Identifier: Apache-2.0
# The small binaries of `./run op NAME`: op_kernels has the tests of one op's kernels and the
# kernels that these need, op_rows the rows of one op and the folders up to autograd/. Their objects
# are those of test_cuda, test_autograd and libweft, so nothing is compiled twice.
#
# `./run op` writes the sources (tools/op_tests.py), one a line, to op_sources.txt. Another list
# configures again.
set(op_sources_file ${CMAKE_BINARY_DIR}/op_sources.txt)
if(NOT EXISTS ${op_sources_file})
  file(WRITE ${op_sources_file} "")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${op_sources_file})
file(STRINGS ${op_sources_file} op_sources)

# Appends the objects of those sources of a target that are in `wanted`, a list or ALL. They are
# linked by an option: CMake makes a target that names an object of a library wait for all of it.
function(weft_append_objects objects target wanted)
  get_target_property(all ${target} SOURCES)
  foreach(source ${all})
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
    if(wanted STREQUAL "ALL" OR source IN_LIST wanted)
      list(APPEND ${objects} ${CMAKE_BINARY_DIR}/CMakeFiles/${target}.dir/${source}.o)
    endif()
  endforeach()
  set(${objects} ${${objects}} PARENT_SCOPE)
endfunction()

# weft_add_op_binary(NAME TEST OBJECTS LIBRARY…): TEST is the object of the tests' source.
function(weft_add_op_binary name test objects)
  set_source_files_properties(${test} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  add_executable(${name} EXCLUDE_FROM_ALL ${test})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX LINK_DEPENDS "${objects}")
  target_link_options(${name} PRIVATE ${objects})
  target_link_libraries(${name} PRIVATE ${ARGN} weft_device weft_core weft_dependencies
                                        GTest::gtest GTest::gtest_main)
  if(TARGET weft_onednn)
    target_link_libraries(${name} PRIVATE weft_onednn)
  endif()
endfunction()

set(op_tests "")
set(op_objects "")
weft_append_objects(op_tests test_cuda "${op_sources}")
weft_append_objects(op_objects weft_kernels "${op_sources}")
if(op_tests)
  weft_add_op_binary(op_kernels "${op_tests}" "${op_objects}" weft_kernel_testing)
endif()

# In a joined build a row has no object of its own.
if(NOT WEFT_JOIN)
  set(op_tests "")
  set(op_objects "")
  weft_append_objects(op_tests test_autograd "${op_sources}")
  weft_append_objects(op_objects weft_testing ALL)
  if(op_tests)
    weft_add_op_binary(op_rows "${op_tests}" "${op_objects}" weft_kernels weft_tensor weft_autograd)
  endif()
endif()
