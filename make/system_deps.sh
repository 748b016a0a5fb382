#!/bin/bash
# Debian packages that tests and CI use beyond what the README asks for, installed without starting any daemon.
set -euo pipefail

packages=(
    ca-certificates
    librsvg2-bin   # screenshots: SVG to PNG
    openssh-client
    openssh-server # the console over SSH
    postgresql     # the other store
    python3-venv
    tmux           # the console in a real terminal
)

missing() {
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
}

command -v apt-get >/dev/null || {
    echo "slipway: system-deps knows Debian's packages only; install these by hand: ${packages[*]}" >&2
    exit 1
}
mapfile -t wanted < <(missing "${packages[@]}")
if ((${#wanted[@]} == 0)); then
    echo 'system-deps: everything is there'
    exit 0
fi
((EUID == 0)) || {
    echo "slipway: system-deps must be root to install ${wanted[*]}: sudo make system-deps" >&2
    exit 1
}

# invoke-rc.d asks this file whether a service may start; 101 is no.
policy=/usr/sbin/policy-rc.d
if [[ -e $policy ]]; then
    kept=$(mktemp)
    cp -p "$policy" "$kept"
    trap 'cp -p "$kept" "$policy"; rm -f "$kept"' EXIT
else
    trap 'rm -f "$policy"' EXIT
fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
}

echo "system-deps: installing ${wanted[*]}"
apt-get update --quiet
if [[ " ${wanted[*]} " == *' postgresql '* ]]; then
    # The server package would make a database cluster of the system's own; the tests make theirs in a temporary folder.
    install postgresql-common
    sed -i -E 's/^#?\s*create_main_cluster\s*=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
fi
install "${wanted[@]}"

# Nor at the next boot.
for service in openssh-server:ssh postgresql:postgresql; do
    if [[ " ${wanted[*]} " == *" ${service%:*} "* ]] && command -v systemctl >/dev/null; then
        systemctl --quiet disable "${service#*:}.service"
    fi
done
