#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whether clang accepts what a build folder compiles, by syntax: no objects are made. The folder
# must be configured; nothing in it needs to be built.
# Usage: check_clang.sh COMPILER BUILD_FOLDER, for example check_clang.sh clang++-16 build/cpu
set -euo pipefail
compiler=$1 build=$(cd -- "$2" && pwd)
work=$build/${compiler##*/}
rm -rf "$work"
mkdir -p "$work/include"
# clang has no omp.h of its own without libomp; the compiler's will do for reading, less the one
# attribute that clang spells differently.
ln -s "$(g++ -print-file-name=include)/omp.h" "$work/include/omp.h"
common=(-std=c++20 -fopenmp -fPIC -w -isystem "$work/include" '-D__malloc__(x)=')

# A line for each file: where its headers lie, what is defined, and the file. The other options are
# those of g++ or concern the machine code.
python3 - "$build/compile_commands.json" >"$work/commands" <<'EOF'
import json, re, shlex, sys
for entry in json.load(open(sys.argv[1], encoding="utf-8")):
    words = shlex.split(entry["command"])
    kept = [word for before, word in zip([""] + words, words)
            if re.match(r"-(I|isystem$|D)", word) or before == "-isystem"]
    if not entry["file"].endswith("cmake_pch.hxx.cxx"):
        print(shlex.join([*kept, entry["file"]]))
EOF
# The standard library's headers are read once, as in the build (cmake/precompile.cmake).
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
  echo "${compiler##*/}: errors in the files named above, of $files"
fi
exit "$failed"
