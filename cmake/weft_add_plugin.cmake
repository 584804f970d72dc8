# SPDX-License-Identifier: Apache-2.0
# weft_add_plugin(<name> <source>…) makes a plugin, lib<name>.so, for `plugins:` of a config and
# `--plugin FILE` of the command. Its entries are registered when it is loaded:
#
#   find_package(weft REQUIRED)
#   weft_add_plugin(mine mine.cpp)
#
# The plugin gets a stamp of what it is built with, which weft compares before it loads it
# (weft/core/plugin_abi.h).
function(weft_add_plugin name)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/${name}_stamp.cpp)
  file(CONFIGURE OUTPUT ${stamp} @ONLY
       CONTENT "#include <weft/core/plugin_abi.h>\nWEFT_PLUGIN_STAMP(\"@weft_VERSION@\")\n")
  add_library(${name} MODULE ${ARGN} ${stamp})
  target_link_libraries(${name} PRIVATE weft::weft)
  # A name that no library defines is then an error of the build.
  target_link_options(${name} PRIVATE -Wl,--no-undefined)
endfunction()
