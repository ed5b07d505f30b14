#!/usr/bin/env bash
# Runs the firmware's console in an emulator of the ESP32, and looks at slots,
# trials, the watchdog, the flash, and power cuts. QEMU_ESP32 is the path of a
# qemu-system-xtensa with the machine esp32; ../build.sh has to have run.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -z ${QEMU_ESP32:-} ]]; then
	echo "qemu: skipped, because QEMU_ESP32 does not name an emulator of the ESP32"
	exit 0
fi
exec go run ./qemu -qemu "$QEMU_ESP32" -factory "${OUT:-build}/console-factory.bin" "$@"
