# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What a build and its tests need from the machine: says what is missing, and has it installed on Debian and Ubuntu.
# Uses messages.sh, postgres.sh and $scripts, the folder of the scripts.

# What the build links, checked with dpkg-query; the stores' servers are looked for as commands instead, so that other ways
# of installing them count too.
packages_for_build=(ca-certificates git libargon2-dev libcurl4-openssl-dev libhiredis-dev libpq-dev libvips-dev pkg-config)

# packages_missing [tests]: prints the packages that are missing, one a line; with `tests` also those for running the tests.
packages_missing() {
    local installed package
    if packages_are_managed; then
        installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages_for_build[@]}" 2>/dev/null || true)
        for package in "${packages_for_build[@]}"; do
            grep -qx "installed $package" <<<"$installed" || echo "$package"
        done
    else
        command -v git >/dev/null || echo git
        command -v pkg-config >/dev/null || echo pkg-config
        pkg-config --exists libcurl 2>/dev/null || echo libcurl4-openssl-dev
        pkg-config --exists libargon2 2>/dev/null || echo libargon2-dev
        pkg-config --exists hiredis 2>/dev/null || echo libhiredis-dev
        pkg-config --exists libpq 2>/dev/null || echo libpq-dev
        pkg-config --exists vips 2>/dev/null || echo libvips-dev
    fi
    { command -v redis-server && command -v redis-cli; } >/dev/null || echo redis-server
    postgres_binaries >/dev/null || echo postgresql
    if [[ ${1:-} == tests ]] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then echo python3-venv; fi
}

# Succeeds on Debian 12+ and Ubuntu 24.04+ (a Debian without a version is a later one, still in testing).
packages_are_managed() (
    [[ -r /etc/os-release ]] || return 1
    # shellcheck disable=SC1091
    . /etc/os-release
    case ${ID:-} in
        debian) ((${VERSION_ID:-99} >= 12)) ;;
        ubuntu) [[ ${VERSION_ID:-0} =~ ^([0-9]+) ]] && ((BASH_REMATCH[1] >= 24)) ;;
        *) return 1 ;;
    esac
)

# packages_ensure [tests]: installs what is missing, and ends the script with an error that says what to do where it cannot.
packages_ensure() {
    local missing root=()
    swift_ensure
    missing=$(packages_missing "$@")
    [[ $missing ]] || return 0
    missing=${missing//$'\n'/ }

    packages_are_managed || die "missing: $missing (names as in Debian). They are installed by themselves on Debian 12+ and
       Ubuntu 24.04+ only; here, please install what your system calls them and run this again."
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "missing: $missing. Install them as root: apt-get install $missing"
        root=(sudo)
    fi
    say "installing: $missing"
    # shellcheck disable=SC2086,SC2154
    "${root[@]}" bash "$scripts/lib/apt-install.sh" $missing || die "could not install: $missing"
}

# Installs what only faults of the network need, where it can without asking: as root, who alone may carry them out. Whoever does
# without leaves these faults out, and says so.
packages_for_faults() {
    local missing=()
    command -v ip >/dev/null || missing+=(iproute2)
    command -v nft >/dev/null || missing+=(nftables)
    if ((${#missing[@]} == 0 || EUID != 0)) || ! packages_are_managed; then return; fi
    say "installing: ${missing[*]}"
    # shellcheck disable=SC2154
    bash "$scripts/lib/apt-install.sh" "${missing[@]}" || say "could not install: ${missing[*]}; some faults are left out"
}

swift_ensure() {
    local where='https://www.swift.org/install/linux' version
    command -v swift >/dev/null || die "no Swift toolchain found; Millrace needs Swift 6.2 or later: $where"
    version=$(swift --version 2>/dev/null || true)
    [[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || die "'swift --version' does not work; install Swift 6.2 or later: $where"
    ((BASH_REMATCH[1] * 100 + BASH_REMATCH[2] >= 602)) ||
        die "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old; Millrace needs Swift 6.2 or later: $where"
}
