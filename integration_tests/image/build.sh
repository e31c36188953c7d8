#!/bin/bash
# Builds the connector's image and runs it, with docker where an engine answers and with podman where there is none.
#
#   build.sh build IMAGE               build the image from this checkout
#   build.sh run IMAGE FOLDER ARG...   run a command as a careful platform does; FOLDER is /secrets, read-only
#   build.sh engine ARG...             any other command of the engine
#
# Without docker it must be root on Debian: podman is installed when it is missing, and the base image is put together
# from Debian's packages, so that no container registry is needed. The host's pip configuration and certificates go in
# as build secrets and stay in no layer.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
STORE=${SOURCE_EVENTS_IMAGE_STORE:-/var/tmp/source-events-image}
LOCAL_BASE=localhost/python-connector-base:bookworm
SECRETS=()

say() { printf '%s\n' "$*" >&2; }

find_engine() {
  if command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then
    ENGINE=docker
    return
  fi
  ENGINE=podman
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "No docker engine answers, and podman without one is set up for root on Debian only."
    exit 2
  fi
  mkdir -p "$STORE"
  # Hosts without CAP_SYS_RESOURCE refuse podman's raised limits, and hosts with both kinds of cgroups refuse crun.
  # With the host's network a container reaches a sandbox on 127.0.0.1.
  cat >"$STORE/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
  cat >"$STORE/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$STORE/store"
runroot = "$STORE/run"
CONF
  export CONTAINERS_CONF=$STORE/containers.conf CONTAINERS_STORAGE_CONF=$STORE/storage.conf
}

install_podman() {
  local packages=(podman buildah runc mmdebstrap)
  dpkg-query --show "${packages[@]}" >/dev/null 2>&1 && return
  say "Installing ${packages[*]} ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

# Debian's Python 3.11 and the base image's user, number 1000.
make_base() {
  podman image exists "$LOCAL_BASE" && return
  say "Putting the base image together from Debian's packages ..."
  local sources=/etc/apt/sources.list.d/debian.sources
  [ -e "$sources" ] || sources=/etc/apt/sources.list
  mmdebstrap --quiet --mode=root --variant=apt \
    --include=python3,python3-pip,ca-certificates,adduser,tzdata \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/var/lib/apt/lists/*' \
    --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
    --customize-hook='ln -s /usr/bin/python3 "$1"/usr/local/bin/python' \
    --customize-hook='chroot "$1" adduser --quiet --uid 1000 --system --group --no-create-home airbyte' \
    --customize-hook='install -d -o 1000 -g 1000 "$1"/airbyte' \
    bookworm "$STORE/base.tar" "$sources"
  podman import --quiet \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV LANG=C.UTF-8' \
    "$STORE/base.tar" "$LOCAL_BASE"
  rm "$STORE/base.tar"
}

add_secret() {
  [ -f "$2" ] && [ -r "$2" ] && SECRETS+=(--secret "id=$1,src=$2")
  return 0
}

build() {
  add_secret pip_conf "${PIP_CONFIG_FILE:-/etc/pip.conf}"
  add_secret ca_bundle /etc/ssl/certs/ca-certificates.crt
  if [ "$ENGINE" = docker ]; then
    DOCKER_BUILDKIT=1 docker build "${SECRETS[@]}" --tag "$1" "$ROOT"
    return
  fi
  install_podman
  make_base
  # Isolated by chroot, the build needs no privileges that a container host itself may lack.
  podman build --isolation chroot --network host --pull=never --build-arg "BASE_IMAGE=$LOCAL_BASE" \
    "${SECRETS[@]}" --tag "$1" "$ROOT"
}

run() {
  local image=$1 folder=$2 options=(--rm --read-only --cap-drop=all --security-opt=no-new-privileges --network=host)
  options+=(--memory=128m --memory-swap=128m)
  shift 2
  # Podman alone would give a read-only container writable folders for temporary files.
  [ "$ENGINE" = podman ] && options+=(--read-only-tmpfs=false)
  exec "$ENGINE" run "${options[@]}" --volume "$folder:/secrets:ro" "$image" "$@"
}

find_engine
command=${1:-}
[ $# -gt 0 ] && shift
case $command in
  build) build "$@" ;;
  run) run "$@" ;;
  engine) exec "$ENGINE" "$@" ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
