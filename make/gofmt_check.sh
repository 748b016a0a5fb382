#!/bin/bash
# gofmt_check.sh FOLDER...: fails and names the files that gofmt would change.
set -euo pipefail
unformatted=$("$(make/go.sh env GOROOT)/bin/gofmt" -l "$@")
[[ -z $unformatted ]] || {
    printf 'gofmt would change:\n%s\n' "$unformatted" >&2
    exit 1
}
