# Sourced by the commands that may need system packages; the machine may have no Python.
#
# install_system_packages "Debian package|command that succeeds when it is there" …

say() { printf '== %s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Print the Debian packages of those entries whose command does not succeed.
missing_packages() {
    local entry
    for entry in "$@"; do
        eval "${entry#*|}" >/dev/null 2>&1 || printf '%s\n' "${entry%%|*}"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }
}

# The project has a cluster of its own: keep Debian from making and starting another.
keep_postgresql_from_making_a_cluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    [ -e "$conf" ] && return
    as_root mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
}

# Run apt-get without questions; its words are shown only when it fails.
apt_get() {
    local output
    output=$(as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
        apt-get -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" 2>&1) ||
        { printf '%s\n' "$output" | tail -n 15 >&2; return 1; }
}

install_system_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" = 0 ] && return
    if ! command -v apt-get >/dev/null || ! can_be_root; then
        printf '%s: these Debian packages (or their like) are missing:\n' "${0##*/}" >&2
        printf '    %s\n' "${missing[@]}" >&2
        printf 'Install them as root, then run this command again:\n' >&2
        printf '    apt-get install %s\n' "${missing[*]}" >&2
        exit 1
    fi
    say "system packages: ${missing[*]}"
    keep_postgresql_from_making_a_cluster
    apt_get update ||
        fail "apt-get update failed (see above). Mend the machine's apt sources or its network, then run this command again."
    apt_get install --yes --no-install-recommends "${missing[@]}" ||
        fail "apt-get could not install ${missing[*]} (see above). Run this command again to go on."
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" = 0 ] || fail "still missing after apt-get: ${missing[*]}"
}
