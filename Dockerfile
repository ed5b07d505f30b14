# syntax=docker/dockerfile:1

# The relay and the virtual cameras in one small image without a shell:
#
#   docker build --build-arg VERSION=1.2.3 -t camrelay .
#   docker run -p 8080:8080 -p 1883:1883 -v camrelay:/data camrelay
#
# It runs as user 65532, writes nowhere but to /data, and so works with
# --read-only and --cap-drop ALL.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
ENV GOCACHE=/cache
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
ARG TARGETOS TARGETARCH TARGETVARIANT
ARG VERSION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache \
    mkdir -p /out/bin /out/data && \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/bin/ ./cmd/relay ./cmd/vcam

# Certificates of authorities, time zones and the user, and nothing to run.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/bin/ /usr/local/bin/
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
# As variables, so that the health check has the same configuration.
ENV CAMRELAY_DATA=/data
USER 65532:65532
VOLUME /data
EXPOSE 8080 1883
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/relay", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/relay"]
CMD ["serve"]
