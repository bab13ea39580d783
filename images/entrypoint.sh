#!/bin/sh
# The start of a container. As root with ALLUXIO_USERNAME, _GROUP, _UID and _GID set it becomes that user first; then
# `headpond entrypoint` does the rest in this process, so that signals reach it.
set -eu
home=${ALLUXIO_HOME:-/opt/alluxio}

become() {
  for name in USERNAME GROUP UID GID; do
    eval "value=\${ALLUXIO_$name:-}"
    case $value in
      '' | 0 | root)
        echo "entrypoint: ALLUXIO_$name='$value': set all of ALLUXIO_USERNAME, _GROUP, _UID and _GID, none of them root" >&2
        exit 1
        ;;
    esac
  done
  if [ "$(id -u "$ALLUXIO_USERNAME" 2>/dev/null)" != "$ALLUXIO_UID" ]; then
    # The image's own user makes room for its name or number.
    userdel alluxio 2>/dev/null || true
    getent group "$ALLUXIO_GID" >/dev/null || { groupdel "$ALLUXIO_GROUP" 2>/dev/null || true; groupadd -g "$ALLUXIO_GID" "$ALLUXIO_GROUP"; }
    useradd -u "$ALLUXIO_UID" -g "$ALLUXIO_GID" -G root -d "$home" -M -s /bin/bash "$ALLUXIO_USERNAME"
  fi
  # What lies in the under-store belongs to others; only the folder itself is handed over.
  for folder in "$home/conf" "$home/logs" "$home/journal" /opt/domain /journal; do
    [ ! -d "$folder" ] || chown -R "$ALLUXIO_UID:$ALLUXIO_GID" "$folder" 2>/dev/null || echo "entrypoint: the owner of $folder can't be changed" >&2
  done
  chown "$ALLUXIO_UID:$ALLUXIO_GID" "$home" "$home/underFSStorage" 2>/dev/null ||
    echo "entrypoint: the owner of $home/underFSStorage can't be changed" >&2
  exec setpriv --reuid "$ALLUXIO_UID" --regid "$ALLUXIO_GID" --init-groups -- "$0" "$@"
}

if [ "$(id -u)" = 0 ] && [ "${ALLUXIO_USERNAME:-root}" != root ]; then
  become "$@"
elif [ -n "${ALLUXIO_UID:-}" ] && [ "$(id -u)" != "$ALLUXIO_UID" ]; then
  echo "entrypoint: running as user $(id -u); ALLUXIO_UID=$ALLUXIO_UID has an effect only with -u 0" >&2
fi
[ ! -r "$home/conf/alluxio-env.sh" ] || . "$home/conf/alluxio-env.sh"
exec /opt/headpond/bin/headpond entrypoint "$@"
