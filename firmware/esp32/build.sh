#!/usr/bin/env bash
# Builds the camera's firmware for an ESP32-CAM, checks it, and packs it.
#
#   KEY=release.pem        sign the images with this key
#   RING="a.pub.pem …"     keys that the camera takes updates from; without it,
#                          the public half of KEY, which is beside it
#   SETTINGS=home.settings settings for the factory file: ssid = NAME …
#   VERSION, BUILD         of the image; default: of git
#   OUT=build              where to
set -euo pipefail
here=$(pwd)
cd "$(dirname "$0")"
root=../..

if ! command -v tinygo >/dev/null; then
	echo "firmware: not built, because there is no tinygo on the PATH; it takes TinyGo 0.42 or newer: https://tinygo.org/getting-started/install"
	exit 0
fi

absolute() { case $1 in /*) echo "$1" ;; *) echo "$here/$1" ;; esac; }
out=$(absolute "${OUT:-$PWD/build}")
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
build=${BUILD:-$(git rev-list --count HEAD 2>/dev/null || echo 1)}
flags=() factory=() ring=
if [[ -n ${KEY:-} ]]; then
	key=$(absolute "$KEY")
	flags+=(--key "$key")
	: "${RING:=${key%.pem}.pub.pem}"
fi
if [[ -n ${RING:-} ]]; then
	keys=()
	for k in $RING; do keys+=("$(absolute "$k")"); done
	ring=$(go run ./cmd/ring "${keys[@]}")
else
	echo "firmware: without KEY or RING the camera takes no updates"
fi
[[ -z ${SETTINGS:-} ]] || factory+=(--settings "$(absolute "$SETTINGS")")

mkdir -p "$out"
go run ./cmd/slim build
(cd "$root" && CGO_ENABLED=0 go build -o "$out/relay" ./cmd/relay)

# compile NAME TAGS PACKAGE [FLAGS]
compile() {
	local name=$1 tags=$2 package=$3
	shift 3
	echo "firmware: $name"
	CGO_ENABLED=1 CGO_CFLAGS_ALLOW=-fno-short-enums GOFLAGS=-modfile=build/go.mod \
		tinygo build -opt=z -tags "$tags" -o "$out/$name" "$@" "$package"
}
compile selector.bin "" ./cmd/selector -target=targets/selector.json
compile camera.elf "" ./cmd/camera -target=esp32-generic -ldflags "-X main.ring=$ring" -print-allocs=. 2>"$out/allocs.txt" || { cat "$out/allocs.txt" >&2; exit 1; }
compile console.elf qemu ./cmd/camera -target=esp32-generic
compile stored.elf "qemu wifi" ./cmd/camera -target=esp32-generic -ldflags "-X main.ring=$ring"

go run ./cmd/gates -elf "$out/camera.elf" -selector "$out/selector.bin" -allocs "$out/allocs.txt"

for name in camera console stored; do
	board=esp32-cam
	[[ $name == camera ]] || board=esp32-qemu
	with=()
	[[ $name != camera ]] || with=("${factory[@]}")
	"$out/relay" image build --elf "$out/$name.elf" --board $board --version "$version" --build "$build" "${flags[@]}" \
		--out "$out/$name.img" --selector "$out/selector.bin" --factory "$out/$name-factory.bin" "${with[@]}"
done
