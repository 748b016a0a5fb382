#!/bin/bash
# lock.sh [--upgrade]: writes the requirements*.txt from pyproject.toml, pinned and hashed, for every platform from Python 3.11 on.
set -euo pipefail

compile() {
    local output=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 \
        --custom-compile-command 'make lock' --output-file "$output" "$@" >/dev/null
    if grep -n '://' "$output"; then
        echo "slipway: $output names an address, which belongs to one machine: see the lines above" >&2
        exit 1
    fi
    echo "$output: $(grep -c == "$output") packages"
}

compile requirements.txt pyproject.toml "$@"
compile requirements-dev.txt --extra dev --constraint requirements.txt pyproject.toml "$@"
compile requirements-go.txt --group pyproject.toml:go "$@"
