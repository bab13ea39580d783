#!/bin/bash
# binaries.sh source|prebuilt OUT: puts headpond and headpond-operator, without their debugging tables, into OUT. Run in
# the root of the sources, as root in a Debian 12: the Dockerfile does.
set -euo pipefail
way=$1 out=$2 from=build/release/bin
case $way in
  source)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates >/dev/null
    scripts/deps.sh
    cmake --preset release --log-level=WARNING -DBUILD_TESTING=OFF
    cmake --build --preset release --target headpond headpond-operator
    strip "$from/headpond" "$from/headpond-operator"
    ;;
  prebuilt)  # images/build.sh has stripped and checked them
    ;;
  *) echo "BINARIES=$way: use source or prebuilt" >&2; exit 1 ;;
esac
install -D -m 755 -t "$out" "$from/headpond" "$from/headpond-operator"
