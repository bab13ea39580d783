#!/bin/sh
# Fetches the stock Alluxio 2.9 parts the end-to-end tests and benchmarks run against, by version,
# from Maven Central and PyPI, into ${HEADPOND_CACHE:-${XDG_CACHE_HOME:-~/.cache}}/headpond-e2e.
#
#   fetch.sh [client] [shaded] [server] [mapreduce] [spark]     none given = all
#
# A part that is complete and of the wanted version is left alone, so a second run does nothing and
# needs no network. A part appears under its final name only when it is whole; runs at the same time
# take turns. Exit 77 with one line why when a tool or the network is missing: the caller reports a
# skip.
set -u

here=$(cd "$(dirname "$0")" && pwd)
cache=${HEADPOND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/headpond-e2e
copy_plugin=org.apache.maven.plugins:maven-dependency-plugin:2.8
shaded_artifact=org.alluxio:alluxio-shaded-client:2.9.6
python_packages='pyspark==3.5.* grpcio'

skip() {
  echo "SKIP: $*" >&2
  exit 77
}

need() {
  command -v "$1" > /dev/null 2>&1 || skip "$1 is not installed; it is needed to fetch '$part'"
}

# quiet COMMAND...: silent unless it fails, then the first line that names the cause.
quiet() {
  if ! "$@" > "$staging.log" 2>&1; then
    reason=$(grep -m1 -E 'ERROR' "$staging.log" || tail -n 1 "$staging.log")
    rm -rf "$staging" "$staging.log"
    skip "cannot fetch '$part': $(echo "$reason" | cut -c1-300)"
  fi
  rm -f "$staging.log"
}

# What the part is made from: a change of it fetches the part again.
recipe() {
  case $part in
    client | server | mapreduce) cksum < "$here/poms/$part.xml" ;;
    shaded) echo "$shaded_artifact" ;;
    spark) echo "$python_packages" ;;
    *) echo "fetch.sh: unknown part '$part'" >&2; exit 2 ;;
  esac
}

fetch_jars() {
  need mvn
  quiet mvn -q -B -f "$here/poms/$part.xml" "$copy_plugin:copy-dependencies" \
    -DoutputDirectory="$staging" -DincludeScope=runtime
}

fetch_shaded() {
  need mvn
  quiet mvn -q -B "$copy_plugin:copy" -Dartifact="$shaded_artifact" -DoutputDirectory="$staging"
}

# A virtual environment holds its own path, so it is built in place and marked when done.
fetch_spark() {
  need python3
  rm -rf "$cache/spark"
  quiet python3 -m venv "$cache/spark"
  # shellcheck disable=SC2086  # a list of requirements
  quiet "$cache/spark/bin/pip" install -q $python_packages
}

[ $# -gt 0 ] || set -- client shaded server mapreduce spark
mkdir -p "$cache" || skip "cannot write to $cache"
exec 9> "$cache/.lock"
flock 9
for part in "$@"; do
  wanted=$(recipe) || exit 2
  [ "$(cat "$cache/$part/.complete" 2> /dev/null)" = "$wanted" ] && continue
  staging=$cache/.$part.$$
  rm -rf "$staging"
  case $part in
    client | server | mapreduce) fetch_jars ;;
    shaded) fetch_shaded ;;
    spark) fetch_spark ;;
  esac
  if [ -d "$staging" ]; then
    rm -rf "${cache:?}/$part"
    mv "$staging" "$cache/$part"
  fi
  echo "$wanted" > "$cache/$part/.complete"
  echo "fetched $part"
done
