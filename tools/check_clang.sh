#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks by syntax that clang accepts what a build folder compiles. No objects are made. The folder
# must be configured, but not built.
# Usage: check_clang.sh COMPILER BUILD_FOLDER, for example check_clang.sh clang++-16 build/cpu
set -euo pipefail
compiler=$1 build=$(cd -- "$2" && pwd)
work=$build/${compiler##*/}
rm -rf "$work"
mkdir -p "$work/include"
# clang has no omp.h without libomp. That of g++ is enough for a syntax check, except for one
# attribute that clang spells differently.
ln -s "$(g++ -print-file-name=include)/omp.h" "$work/include/omp.h"
common=(-std=c++20 -fopenmp -fPIC -w -isystem "$work/include" '-D__malloc__(x)=')

# Writes a line for each file: its include folders, its definitions, and the file. The other options
# are those of g++ or concern the machine code.
python3 - "$build/compile_commands.json" >"$work/commands" <<'EOF'
import json, re, shlex, sys
for entry in json.load(open(sys.argv[1], encoding="utf-8")):
    words = shlex.split(entry["command"])
    kept = [word for before, word in zip([""] + words, words)
            if re.match(r"-(I|isystem$|D)", word) or before == "-isystem"]
    if not entry["file"].endswith("cmake_pch.hxx.cxx"):
        print(shlex.join([*kept, entry["file"]]))
EOF
# The headers of the standard library are precompiled, as in the build (cmake/precompile.cmake).
header=$(find "$build" -path '*weft_core.dir/cmake_pch.hxx')
if [[ -n $header ]]; then
  "$compiler" "${common[@]}" -x c++-header "$header" -o "$work/common.pch"
  common+=(-include-pch "$work/common.pch")
fi

export compiler
printf '%s\n' "${common[@]}" >"$work/common"
failed=0
xargs -a "$work/commands" -d '\n' -n 1 -P "$(nproc)" bash -c '
  mapfile -t common <"$0/common"
  eval "words=($1)"
  "$compiler" "${common[@]}" -fsyntax-only "${words[@]}"' "$work" || failed=1
files=$(wc -l <"$work/commands")
if [[ $failed == 0 ]]; then
  echo "${compiler##*/}: $files files are accepted"
else
  echo "${compiler##*/}: errors in some of $files files, which are named above"
fi
exit "$failed"
