#!/bin/sh
# Runs the relay as a lab with two virtual cameras until Ctrl-C. The address can
# be changed: LISTEN=127.0.0.1:9090 make run
set -eu
listen=${LISTEN:-127.0.0.1:8080}
mqtt=${MQTT_LISTEN:-127.0.0.1:1883}

trap 'trap - INT TERM EXIT; kill $cameras 2>/dev/null || true; wait' INT TERM EXIT
bin/vcam --relay "ws://$listen" --id front-door --key lab &
cameras=$!
bin/vcam --relay "ws://$listen" --id workshop --key lab --size SVGA --fps 10 &
cameras="$cameras $!"
bin/relay serve --lab --listen "$listen" --mqtt-listen "$mqtt"
