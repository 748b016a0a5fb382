#!/bin/bash
# An empty .venv of python3 from PATH. .made-for says which checkout and interpreter its scripts name.
set -euo pipefail

fail() {
    echo "slipway: $1" >&2
    exit 1
}

command -v python3 >/dev/null || fail 'there is no python3: apt-get install python3 python3-venv'
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$(python3 --version) is too old, Slipway needs 3.11 (Debian 12) or newer: apt-get install python3 python3-venv"
python3 -c 'import ensurepip, venv' 2>/dev/null ||
    fail 'python3 cannot make virtual environments: apt-get install python3-venv'
# pip brings its own; Go reads the system's.
[[ -n ${SSL_CERT_FILE-} ]] || compgen -G '/etc/ssl/certs/*' >/dev/null ||
    fail 'there are no CA certificates to check downloads with: apt-get install ca-certificates'

make/timed.sh '.venv' python3 -m venv --clear .venv
printf '%s %s' "$PWD" "$(realpath .venv/bin/python)" >.venv/.made-for
