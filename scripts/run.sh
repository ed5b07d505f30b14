#!/bin/sh
# Runs the relay as a lab with two virtual cameras until Ctrl-C, with firmware to
# update them to. Addresses can be changed: LISTEN=127.0.0.1:9090 make run
set -eu
listen=${LISTEN:-127.0.0.1:8080}
mqtt=${MQTT_LISTEN:-127.0.0.1:1883}
lab=${LAB:-data/lab}

# A key of the lab's own, and three releases: two good ones and one that crashes.
mkdir -p "$lab/flash"
[ -e "$lab/release.pem" ] || bin/relay image keygen --out "$lab/release.pem" >/dev/null
release() { # VERSION BUILD BEHAVIOUR
	[ -e "$lab/$1.img" ] && return
	bin/vcam firmware --behaviour "$3" --out "$lab/payload.bin"
	bin/relay image build --board vcam --chip host --version "$1" --build "$2" --key "$lab/release.pem" --out "$lab/$1.img" "$lab/payload.bin" >/dev/null
	rm "$lab/payload.bin"
}
release 1.1.0 2 good
release 1.2.0-crashes 3 panic
release 1.3.0 4 good

camera() {
	bin/vcam --relay "ws://$listen" --mqtt "mqtt://$mqtt" --key lab-lab-lab --flash "$lab/flash" --ring "$lab/release.pub.pem" "$@" &
	children="$children $!"
}
upload() {
	until bin/relay ota --relay "http://$listen" >/dev/null 2>&1; do sleep 0.2; done
	for image in "$lab"/*.img; do
		bin/relay image upload --relay "http://$listen" "$image" >/dev/null || true
	done
}
children=
trap 'trap - INT TERM EXIT; kill $children 2>/dev/null || true; wait' INT TERM EXIT
camera --id front-door
camera --id workshop --size SVGA --fps 10
upload &
children="$children $!"
bin/relay serve --lab --listen "$listen" --mqtt-listen "$mqtt" --set "ota.keys=$lab/release.pub.pem"
