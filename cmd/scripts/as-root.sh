#!/bin/sh
# Runs a test binary as root, for `go test -exec`: some tests partition real networks and fill real disks. The servers
# that they start drop the privileges again. What the go command leaves behind there belongs to root, so it gets a home
# of its own; the modules are there already and are only read.
set -eu
[ "$(id -u)" -ne 0 ] || exec "$@"
exec sudo -E env "PATH=$PATH" HOME=/root "GOMODCACHE=$(go env GOMODCACHE)" GOCACHE=/root/.cache/go-build "$@"
