# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Watches the private stores of DIR and starts one that died again, with its data and on its port, so that what was told
# its address finds it. Uses messages.sh, processes.sh, redis.sh and postgres.sh.

watch_restarts_max=5   # of one store within watch_window seconds; after that it would only die again
watch_window=60

watch_ends=''

# watch_stores DIR STORE…: with STORE redis or postgres. Runs until it gets TERM, and then returns when no start is under
# way; ends with 1 when a store cannot be kept running. To be run in the background.
watch_stores() {
    local dir=$1 store
    shift
    local -A restarts=() since=()
    trap - EXIT HUP INT PIPE
    trap 'watch_ends=1' TERM
    exec 9>&-
    while [[ ! $watch_ends ]]; do
        for store; do
            if [[ ! $watch_ends ]] && ! "${store}_running" "$dir"; then watch_restart "$dir" "$store" || return 1; fi
        done
        sleep 0.5
    done
}

watch_restart() {
    local dir=$1 store=$2 port
    if ((SECONDS - ${since[$store]:--1000} > watch_window)); then restarts[$store]=0 since[$store]=$SECONDS; fi
    if ((restarts[$store] >= watch_restarts_max)); then
        say "error: the private $store died $watch_restarts_max times within a minute; its log is $dir/$store/log"
        return 1
    fi
    port=$(<"$dir/$store/port")
    say "the private $store has died; starting it again with its data (its log is $dir/$store/log)"
    # 0, 1, 2, 4, 8 s: children of a killed PostgreSQL need a moment to notice.
    sleep "$((restarts[$store] == 0 ? 0 : 1 << (restarts[$store] - 1)))"
    restarts[$store]=$((restarts[$store] + 1))
    if [[ $watch_ends ]]; then return 0; fi
    # In a shell of its own: it ends the whole script when it cannot. What is left to try is tried again.
    if ! (trap - TERM; "${store}_start" "$dir" durable); then return 0; fi
    if [[ $(<"$dir/$store/port") != "$port" ]]; then
        say "error: another program took the port $port of the private $store; Millrace cannot follow it to another"
        return 1
    fi
    say "the private $store runs again"
}
