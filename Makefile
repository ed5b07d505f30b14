# camrelay: see README.md. Everything is built with Go alone.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

export CGO_ENABLED ?= 0

.PHONY: all run build firmware test race fuzz bench lint e2e tools clean

all: build

## run: the relay, its MQTT broker and two virtual cameras on this machine
run: build
	@scripts/run.sh

## build: bin/relay and bin/vcam
build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

## firmware: the image of an ESP32-CAM, with TinyGo; KEY=release.pem signs it
firmware:
	@firmware/esp32/build.sh

## tools: the programs that tests run: Chromium, ffmpeg, Mosquitto, Python
tools:
	@scripts/tools.sh

## test: everything but the long runs; sets up what it needs
# The end-to-end tests look at the age of pictures on the screen, so nothing
# else runs beside them.
test: tools lint
	$(GO) test $$($(GO) list ./... | grep -v /e2e)
	cd firmware/esp32 && $(GO) vet ./... && $(GO) test ./...
	$(GO) test -timeout 20m ./e2e/...

## race: the same with the race detector, which needs a C compiler
race: tools
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $$($(GO) list ./... | grep -v /e2e)
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./e2e/...

## e2e: the whole relay with real browsers and programs
e2e: tools
	$(GO) test -count=1 ./e2e/...

## fuzz: each fuzz target for FUZZTIME
FUZZTIME ?= 20s
fuzz:
	@scripts/fuzz.sh $(FUZZTIME)

## bench: the figures of docs/performance.md; wants a quiet machine
bench: build
	@scripts/bench.sh

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo "gofmt: the files above are not formatted" >&2; exit 1; }
	$(GO) vet ./...

clean:
	rm -rf bin
