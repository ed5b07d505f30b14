#!/bin/sh
# Runs the relay as a lab with two virtual cameras until Ctrl-C, with firmware to
# update them to. Addresses can be changed: LISTEN=127.0.0.1:9090 make run
set -eu
listen=${LISTEN:-127.0.0.1:8080}
mqtt=${MQTT_LISTEN:-127.0.0.1:1883}
lab=${LAB:-data/lab}

bin/vcam lab "$lab"
children=
trap 'trap - INT TERM EXIT; kill $children 2>/dev/null || true; wait' INT TERM EXIT
camera() {
	bin/vcam --relay "ws://$listen" --mqtt "mqtt://$mqtt" --key lab-lab-lab --flash "$lab/flash" --ring "$lab/release.pub.pem" "$@" &
	children="$children $!"
}
camera --id front-door
camera --id workshop --size SVGA --fps 10
bin/relay image upload --relay "http://$listen" --wait 30s "$lab" >/dev/null &
children="$children $!"
bin/relay serve --lab --listen "$listen" --mqtt-listen "$mqtt" --set "ota.keys=$lab/release.pub.pem"
