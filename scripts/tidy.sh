#!/bin/bash
# Compiles with clang (thread-safety analysis, warnings as errors), then runs clang-tidy over what changed since BASE
# (default: everything).
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset tidy >/dev/null
cmake --build --preset tidy -j "$(nproc)"
mapfile -t files < <(git diff --name-only --diff-filter=AM "${BASE:-$(git hash-object -t tree /dev/null)}" -- 'daemons/*.cc' 'operator/*.cc')
printf '%s\n' "${files[@]}" | xargs -r -P "$(nproc)" -n 8 clang-tidy-14 -p build/tidy --quiet
