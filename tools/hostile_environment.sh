#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command in an environment that differs from a developer's wherever a user's may: variables,
# locale, umask, home and temporary folders, ignored signals, a closed standard input.
#
#   tools/hostile_environment.sh ctest --test-dir build/emulated -R '^(core|train|app)$'
set -uo pipefail
(($# > 0)) || { echo 'usage: tools/hostile_environment.sh COMMAND [ARGUMENT …]' >&2; exit 2; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/a folder's name" "$scratch/data"

# A locale that writes 0,5, where one is installed.
comma_locale() {
  local name
  for name in $(locale -a 2>/dev/null); do
    [[ $(LC_ALL=$name locale decimal_point 2>/dev/null) != ',' ]] || { echo "$name"; return; }
  done
  echo C
}

(
  LC_ALL=$(comma_locale)
  export LC_ALL LANG=tr_TR.UTF-8 TZ=Pacific/Kiritimati
  export HOME=/nonexistent TMPDIR="$scratch/a folder's name"
  export WEFT_DATA_DIR=$scratch/data OMP_NUM_THREADS=3 OMP_DYNAMIC=true
  export CDPATH=/tmp COLUMNS=20 POSIXLY_CORRECT=1 PYTHONOPTIMIZE=2 SLURM_JOB_ID=1
  umask 077
  trap '' HUP INT PIPE TERM USR1 XFSZ
  exec "$@" <&-
)
