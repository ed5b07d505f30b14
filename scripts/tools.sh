#!/bin/sh
# Installs the programs that the tests run, where they are missing. They are
# Debian's packages; elsewhere it says what to install.
set -eu
missing=
need() { # program or file, package
	case $1 in
	/*) [ -e "$1" ] || missing="$missing $2" ;;
	*) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2" ;;
	esac
}
need chromium chromium
need ffmpeg ffmpeg
need mosquitto mosquitto
need mosquitto_pub mosquitto-clients
need curl curl
need openssl openssl
need systemd-analyze systemd
need /usr/bin/python3 python3
/usr/bin/python3 -c 'import websockets' 2>/dev/null || missing="$missing python3-websockets"
/usr/bin/python3 -c 'import cv2' 2>/dev/null || missing="$missing python3-opencv"
[ -z "$missing" ] && exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
fi
if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$sudo" ] && ! command -v sudo >/dev/null 2>&1; }; then
	echo "the tests need:$missing (names of Debian's packages); please install them" >&2
	exit 1
fi
echo "installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
