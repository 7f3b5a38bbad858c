#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# apt-install.sh PACKAGE…: installs Debian packages, run as root, without starting the services or creating the database
# cluster that come with them: Millrace starts stores of its own, and the machine's owner decides about the others.
set -euo pipefail

policy=/usr/sbin/policy-rc.d          # asked before any service is started; 101 = don't
aside=$policy.before-millrace
cluster=/etc/postgresql-common/createcluster.d/millrace.conf

restore() {
    rm -f "$cluster"
    if [[ ${policy_is_ours:-} ]]; then rm -f "$policy"; fi
    if [[ -e $aside ]]; then mv -f "$aside" "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

answer=0
if [[ -x $policy ]]; then "$policy" redis-server start >/dev/null 2>&1 || answer=$?; fi
if ((answer != 101)); then
    if [[ -e $policy ]]; then mv -f "$policy" "$aside"; fi
    policy_is_ours=1
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
mkdir -p "${cluster%/*}"
echo 'create_main_cluster = false' >"$cluster"

export DEBIAN_FRONTEND=noninteractive
wait_for_lock=(-o DPkg::Lock::Timeout=120)
apt-get "${wait_for_lock[@]}" -qq update || echo "apt-get update failed; trying with the lists that are here" >&2
apt-get "${wait_for_lock[@]}" -qq install -y --no-install-recommends "$@" </dev/null >&2
