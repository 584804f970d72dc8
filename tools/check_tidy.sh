#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy-16 with .clang-tidy. Usage: check_tidy.sh [--changed] [--seconds N] BUILD_FOLDER
# The files changed last come first. After N seconds the others are left out, and their number is
# printed. --changed takes only files that differ from the branch main or are not committed.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
changed='' seconds=100000
while [[ $1 == --* ]]; do
  case $1 in
    --changed) changed=yes ;;
    --seconds) seconds=$2; shift ;;
  esac
  shift
done
build=$(cd -- "$1" && pwd)
export build deadline=$((EPOCHSECONDS + seconds))

newest_first() {
  git diff --name-only HEAD
  git ls-files --others --exclude-standard
  if [[ $changed ]]; then
    git diff --name-only "$(git merge-base HEAD main)" HEAD
  else
    git log --format= --name-only
  fi
}
# Only files that the build compiles have the flags that clang-tidy needs.
mapfile -t files < <(newest_first | grep -E '\.(cpp|cu)$' | awk '!seen[$0]++' | while IFS= read -r file; do
  ! grep -qF "/$file\"" "$build/compile_commands.json" || echo "$file"
done)

rm -rf "$build/tidy"
mkdir -p "$build/tidy/include"
# clang has no omp.h without libomp. That of g++ is enough here, except for one attribute that clang
# spells differently.
ln -s "$(g++ -print-file-name=include)/omp.h" "$build/tidy/include/omp.h"
# clang cannot read the precompiled headers of g++, and does not know its cost model.
sed 's/-Winvalid-pch//; s/-fpch-preprocess//; s/-fvect-cost-model=[a-z]*//; s/-include [^ ]*cmake_pch.hxx//' \
  "$build/compile_commands.json" >"$build/tidy/compile_commands.json"
# shellcheck disable=SC2016  # the inner shell expands them
[[ ${#files[@]} -eq 0 ]] || printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c '
  ((EPOCHSECONDS < deadline)) || exit 0
  log=$build/tidy/${1//\//_}
  if clang-tidy-16 -p "$build/tidy" --quiet --extra-arg="-isystem$build/tidy/include" \
    --extra-arg=-Wno-ignored-attributes --extra-arg=-Wno-unknown-pragmas "--extra-arg=-D__malloc__(x)=" "$1" >"$log" 2>/dev/null; then
    mv "$log" "$log.clean"
  else
    cat "$log"
  fi' _
clean=$(find "$build/tidy" -name '*.clean' | wc -l) all=$(find "$build/tidy" -maxdepth 1 -type f ! -name compile_commands.json | wc -l)
echo "tidy: $clean of $all files are clean; $((${#files[@]} - all)) left out for lack of time"
[[ $clean -eq $all ]]
