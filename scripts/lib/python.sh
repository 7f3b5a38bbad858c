# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Servers and oracles in Python that the tests talk to (an SMTP server, a payment gateway, an object store): the packages of
# requirements.txt, in a folder of their own that nothing but the tests uses. Uses messages.sh and $scripts, the folder of
# the scripts. Wants the Debian package python3-venv.

# python_ensure FOLDER: makes the virtual environment there, unless it holds what requirements.txt names already; a half-made
# one is never taken for a whole one.
python_ensure() {
    # shellcheck disable=SC2154
    local folder=$1 wanted=$scripts/lib/requirements.txt made=$1/requirements.txt
    if python_is_made "$folder"; then return; fi
    (
        # Two runs of the tests must not make it at the same time.
        mkdir -p "${folder%/*}"
        if command -v flock >/dev/null; then
            exec 8>"$folder.lock"
            flock 8
        fi
        if python_is_made "$folder"; then exit 0; fi
        say "installing the tests' Python packages in $folder"
        python3 -m venv --clear "$folder" ||
            die "no Python environment for the tests: 'python3 -m venv' needs Python 3.11 or later with venv and pip"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$wanted" >&2 ||
            die "the Python packages of scripts/lib/requirements.txt could not be installed (from PyPI, or wherever pip's
       own configuration says)"
        cp "$wanted" "$made"
    )
}

# The interpreter may be gone or another since, after an upgrade of the system's Python.
python_is_made() {
    # shellcheck disable=SC2154
    cmp -s "$scripts/lib/requirements.txt" "$1/requirements.txt" && "$1/bin/python" -c 'import aiosmtpd' 2>/dev/null
}
