#!/bin/bash
# build.sh [headpond|headpond-operator...]: builds the images and tags them headpond/<name>:<version> and :latest.
#
#   BINARIES=source     compile in a container (slow: no cache)
#   BINARIES=prebuilt   take build/release/bin (default where the host is Debian 12: the same libraries)
#   BASE=IMAGE          default: debian:bookworm-slim, or what base.sh makes where no registry can be reached
#   REPOSITORY=NAME     default: headpond; TAGS="A B": default: the version and latest
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- headpond headpond-operator
docker info >/dev/null 2>&1 || { echo "no Docker daemon answers: start one, or set DOCKER_HOST" >&2; exit 1; }
version=$(sed -n 's/^project(headpond VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
repository=${REPOSITORY:-headpond} tags=${TAGS:-$version latest}
# The slim image of a registry, or ours. A debian:bookworm-slim without a registry's digest is somebody's own: not that.
choose_base() {
  local slim=debian:bookworm-slim ours
  if [ -z "${BASE:-}" ]; then
    ours=headpond/base:bookworm-$(cat images/base.sh scripts/apt-packages-runtime.txt | sha256sum | cut -c1-12)
    if [ -n "$(docker image inspect -f '{{join .RepoDigests ""}}' $slim 2>/dev/null)" ]; then
      BASE=$slim
    elif docker image inspect "$ours" >/dev/null 2>&1; then
      BASE=$ours
    elif ! docker image inspect $slim >/dev/null 2>&1 && timeout 300 docker pull -q $slim >/dev/null 2>&1; then
      BASE=$slim
    else
      echo "no registry has answered for $slim: making $ours"
      images/base.sh "$ours"
      BASE=$ours
    fi
  fi
}

is_bookworm() { . /etc/os-release 2>/dev/null && [ "${ID:-}${VERSION_ID:-}" = debian12 ]; }

choose_base
binaries=${BINARIES:-$(is_bookworm && echo prebuilt || echo source)}
context=$(mktemp -d) log=$(mktemp)
trap 'rm -rf "$context" "$log"' EXIT
if [ "$binaries" = source ]; then
  git ls-files -z | tar --null -T - -c | tar -C "$context" -x
else
  is_bookworm || { echo "BINARIES=prebuilt: this host is not Debian 12; use BINARIES=source" >&2; exit 1; }
  mkdir -p "$context/build/release/bin"
  for name in headpond headpond-operator; do
    [ -x "build/release/bin/$name" ] || { echo "build/release/bin/$name is not there: run make build, or use BINARIES=source" >&2; exit 1; }
    strip -o "$context/build/release/bin/$name" "build/release/bin/$name"
  done
  cp -r --parents images scripts/apt-packages-runtime.txt "$context"
fi
for name in "$@"; do
  names=()
  for tag in $tags; do names+=(-t "$repository/$name:$tag"); done
  old=$(docker image inspect -f '{{.Id}}' "$repository/$name:${tags%% *}" 2>/dev/null || true)
  # The host's network: package archives may be reachable from there only.
  docker build -q --network host -f "$context/images/Dockerfile" --build-arg BASE="$BASE" --build-arg BINARIES="$binaries" \
    --label org.opencontainers.image.title="$name" --label org.opencontainers.image.version="$version" \
    --label org.opencontainers.image.revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
    --target "$name" "${names[@]}" "$context" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  # What this build replaced, unless it has another name or is in use.
  if [ -n "$old" ] && [ "$(docker image inspect -f '{{len .RepoTags}}' "$old" 2>/dev/null)" = 0 ]; then
    docker image rm "$old" >/dev/null 2>&1 || true
  fi
  docker image inspect -f "$repository/$name:$version  {{.Size}} bytes" "$repository/$name:${tags%% *}"
done
docker image prune -f --filter label=dev.headpond.stage=build >/dev/null
