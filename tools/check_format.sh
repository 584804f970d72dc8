#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the C++ sources are formatted by .clang-format; with --fix, formats them in place.
# The version is pinned to Debian 12's, because versions of clang-format disagree.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
tool=$(command -v clang-format-14 || command -v clang-format) || {
  echo "format: clang-format is not installed; on Debian: apt-get install clang-format-14" >&2
  exit 2
}
mapfile -d '' files < <(git ls-files -z --cached --others --exclude-standard \
  '*.h' '*.cpp' '*.cu' '*.cuh')
if [[ ${1:-} == --fix ]]; then
  "$tool" -i "${files[@]}"
elif ! "$tool" --dry-run --Werror -ferror-limit=3 "${files[@]}"; then
  echo "format: ./run format sets this right" >&2
  exit 1
fi
echo "format: ${#files[@]} files"
