# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts say to a person: on standard error, so that standard output stays the tools' own.

# A closed standard error must not end a script that still has stores to stop.
say() { printf '%s\n' "$*" >&2 || true; }

die() {
    say "error: $*"
    exit 1
}
