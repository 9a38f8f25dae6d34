# One static binary on an empty base: no shell, no package manager, nobody but the user 65532.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/pointsman ./cmd/pointsman \
    && install -d -m 0700 -o 65532 -g 65532 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/pointsman /pointsman
# Where SQLite's file goes; mount a volume here, or use PostgreSQL.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# The defaults data/pointsman.db and data/audit.key lie in the volume.
WORKDIR /
# /run belongs to root and there is no other: the command line finds the server beside its data.
ENV POINTSMAN_WEB_SOCKET=/data/pointsman.sock POINTSMAN_SOCKET=/data/pointsman.sock
EXPOSE 9096
ENTRYPOINT ["/pointsman"]
CMD ["serve"]
