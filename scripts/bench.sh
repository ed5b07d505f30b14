#!/bin/sh
# Prints the figures of docs/performance.md. Shared machines are noisy: what
# counts are the ratios, of which each is taken in one run.
set -eu
go build -o bin/ ./bench/fanout ./bench/crowd ./bench/ota
echo "== cost of a delivered frame, against a bare server in the same run"
bin/fanout -relay bin/relay "$@"
echo "== one camera with up to 5,000 viewers, and cameras without any"
bin/crowd -relay bin/relay
echo "== how long a camera shows nothing while it is updated"
bin/ota -bin bin
echo "== allocations and time of the inner loops"
go test -run '^$' -bench . -benchmem -benchtime 200ms ./internal/stream ./internal/ingest ./internal/mpjpeg ./internal/jpeg
