# SPDX-License-Identifier: Apache-2.0
# weft_assets(VARIABLE FILE…) appends to the list VARIABLE a source that holds these text files as
# constants, for view/assets.h. It is written again when one of them has changed. The build runs
# this file as a script for that, with -D out=FILE and -D files=FILE,FILE…
if(NOT CMAKE_SCRIPT_MODE_FILE)
  function(weft_assets variable)
    set(out ${CMAKE_BINARY_DIR}/assets/view_assets.cpp)
    string(REPLACE ";" "," files "${ARGN}")
    add_custom_command(OUTPUT ${out} VERBATIM DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/assets.cmake
                       COMMENT "Turning the style sheets and scripts of view/ into constants"
                       COMMAND ${CMAKE_COMMAND} -D out=${out} -D files=${files}
                               -P ${CMAKE_SOURCE_DIR}/cmake/assets.cmake)
    set(${variable} ${${variable}} ${out} PARENT_SCOPE)
  endfunction()
  return()
endif()

string(REPLACE "," ";" files "${files}")
set(source "// SPDX-License-Identifier: Apache-2.0\n// Made by cmake/assets.cmake.\n")
string(APPEND source "#include \"weft/view/assets.h\"\n\n#include \"weft/core/error.h\"\n\n"
                     "namespace weft::view {\n\nstd::string_view asset(std::string_view name) {\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  if(text MATCHES "\\)weft_asset\"")
    message(FATAL_ERROR "${file} has the text )weft_asset\", which ends its constant; a text "
                        "without it is required")
  endif()
  string(APPEND source "  if (name == \"${name}\") return R\"weft_asset(")
  string(APPEND source "${text}")
  string(APPEND source ")weft_asset\";\n")
endforeach()
string(APPEND source "  WEFT_ASSERT(false, \"no asset '{}'\", name);\n  return {};\n}\n\n"
                     "}  // namespace weft::view\n")
file(WRITE ${out} "${source}")
