# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A private Redis in DIR/redis, on a free loopback port, in a session of its own.
# Uses messages.sh and processes.sh. DIR is an absolute path without symbolic links.

# redis_start DIR durable|throwaway: starts it, unless it runs; returns when it answers. `durable` keeps every write in an
# append-only file and is found again, with its port if that is still free; `throwaway` writes nothing, and lets tests
# use DEBUG.
redis_start() {
    local dir=$1/redis kind=$2 port options=(--save '') tries
    if redis_running "$1"; then return; fi

    mkdir -p "$dir/data"
    if [[ $kind == durable ]]; then
        options+=(--appendonly yes --appendfsync everysec)
    else
        options+=(--appendonly no)
        # Redis 6 has no such option and always allows DEBUG.
        if [[ $(redis-server --version) =~ v=([0-9]+) ]] && ((BASH_REMATCH[1] >= 7)); then
            options+=(--enable-debug-command local)
        fi
    fi

    port=$(cat "$dir/port" 2>/dev/null || port_to_try)
    for ((tries = 0; tries < 20; tries++)); do
        LC_ALL=C setsid redis-server --bind 127.0.0.1 --port "$port" --daemonize no --dir "$dir/data" \
            --maxmemory-policy noeviction "${options[@]}" </dev/null >"$dir/log" 2>&1 9>&- &
        echo $! >"$dir/pid"
        # Else the shell would say "Killed" and its whole command line when it dies.
        disown "$!"
        echo "$port" >"$dir/port"
        if redis_wait_until_ready "$dir"; then return; fi
        grep -q 'Address already in use' "$dir/log" || break
        port=$(port_to_try)
    done
    tail -n 20 "$dir/log" >&2 || true
    die "Redis did not start; its log is $dir/log"
}

# Ready means: the server on that port is the process that was started, and it has read its data.
redis_wait_until_ready() {
    local pid port info
    pid=$(<"$1/pid") port=$(<"$1/port")
    while process_alive "$pid"; do
        info=$(redis-cli -h 127.0.0.1 -p "$port" INFO 2>/dev/null | tr -d '\r' || true)
        if [[ $info == *"process_id:$pid"$'\n'* && $info == *"loading:0"$'\n'* ]]; then return 0; fi
        sleep 0.05
    done
    return 1
}

# The working directory tells this server from another process that has got the same number since.
redis_running() {
    local pid
    pid=$(cat "$1/redis/pid" 2>/dev/null) || return 1
    process_alive "$pid" && [[ $(readlink "/proc/$pid/cwd") == "$1/redis/data" ]]
}

redis_url() { echo "redis://127.0.0.1:$(<"$1/redis/port")"; }

redis_stop() {
    if redis_running "$1"; then process_stop "$(<"$1/redis/pid")" TERM 30; fi
    rm -f "$1/redis/pid"
}
