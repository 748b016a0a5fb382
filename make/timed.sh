#!/bin/bash
# timed.sh WHAT COMMAND...: runs COMMAND, saying before that WHAT is being made and after how long it took.
set -euo pipefail
what=$1
shift
echo "setup: $what ..."
SECONDS=0
"$@"
echo "setup: $what: done in $SECONDS s"
