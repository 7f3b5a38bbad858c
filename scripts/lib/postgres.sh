# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A private PostgreSQL in DIR/postgres, on a free loopback port, in a session of its own, without Unix sockets (whose paths
# may be 107 bytes long at most). Uses messages.sh and processes.sh. DIR is an absolute path without symbolic links.

# postgres_binaries [MAJOR]: prints the folder that holds the server of this version, or else of the newest one.
postgres_binaries() {
    local found
    # shellcheck disable=SC2086
    found=$(printf '%s\n' /usr/lib/postgresql/${1:-*}/bin/postgres | sort -V | tail -n 1)
    if [[ ! -x $found ]]; then
        found=$(command -v postgres) && found=$(readlink -f "$found") || return 1
        [[ ! ${1:-} || $("$found" --version) == *" $1"[.\ ]* ]] || return 1
    fi
    [[ -x ${found%/*}/initdb ]] && echo "${found%/*}"
}

# PostgreSQL refuses to run as root: then it runs as its package's user, which keeps root's right to pass through folders
# that are closed to others, as the data may lie in one.
postgres_user=()
if ((EUID == 0)); then
    postgres_user=(
        setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override
    )
fi

# postgres_start DIR durable|throwaway: starts it, unless it runs; returns when it answers. Anyone on this machine may
# connect, as the superuser `millrace`. `durable` keeps its data, and its port if that is still free; `throwaway` does not
# wait for the disk.
postgres_start() {
    local dir=$1/postgres kind=$2 binaries options=() port tries
    if postgres_running "$1"; then return; fi

    binaries=$(postgres_binaries "$(cat "$dir/data/PG_VERSION" 2>/dev/null || true)") ||
        die "the data in $dir were written by PostgreSQL $(cat "$dir/data/PG_VERSION"), which is not installed"
    [[ -s $dir/data/PG_VERSION ]] || postgres_create "$dir" "$binaries" "$kind"
    if [[ $kind == throwaway ]]; then options=(-c fsync=off -c full_page_writes=off); fi
    postgres_forget_stale_lock "$dir/data/postmaster.pid"

    port=$(cat "$dir/port" 2>/dev/null || port_to_try)
    for ((tries = 0; tries < 20; tries++)); do
        LC_ALL=C setsid "${postgres_user[@]}" "$binaries/postgres" -D "$dir/data" -p "$port" \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 "${options[@]}" \
            </dev/null >"$dir/log" 2>&1 9>&- &
        echo $! >"$dir/pid"
        # Else the shell would say "Killed" and its whole command line when it dies.
        disown "$!"
        echo "$port" >"$dir/port"
        if postgres_wait_until_ready "$dir" "$binaries"; then
            if [[ $kind == durable ]]; then postgres_create_database "$dir" "$binaries"; fi
            return
        fi
        grep -q 'Address already in use' "$dir/log" || break
        port=$(port_to_try)
    done
    tail -n 20 "$dir/log" >&2 || true
    die "PostgreSQL did not start; its log is $dir/log"
}

# Makes the data folder under another name first: a half-made one is never taken for a whole one.
postgres_create() {
    local dir=$1 binaries=$2 options=()
    if [[ $3 == throwaway ]]; then options=(--no-sync); fi
    rm -rf "$dir/data.new"
    mkdir -p "$dir"
    if ((EUID == 0)); then
        chown postgres: "$dir" || die "there is no user 'postgres' to run PostgreSQL as"
    fi
    LC_ALL=C "${postgres_user[@]}" "$binaries/initdb" --pgdata "$dir/data.new" --username millrace --auth trust \
        --encoding UTF8 --locale C "${options[@]}" </dev/null >"$dir/log" 2>&1 9>&- || {
        tail -n 20 "$dir/log" >&2
        die "initdb failed; its log is $dir/log"
    }
    echo 'host all all 127.0.0.1/32 trust' >"$dir/data.new/pg_hba.conf"
    mv "$dir/data.new" "$dir/data"
}

# After a crash of the machine the number in PostgreSQL's lock file may belong to some other process, which PostgreSQL would
# take for a server. All other stale locks it sees through by itself, and more carefully than could be done here.
postgres_forget_stale_lock() {
    local pid
    pid=$(head -n 1 "$1" 2>/dev/null) || return 0
    if process_alive "$pid" && [[ $(cat "/proc/$pid/comm") != postgres ]]; then rm -f "$1"; fi
}

postgres_create_database() {
    local exists
    exists=$(postgres_query "$1" "$2" "SELECT 1 FROM pg_database WHERE datname = 'millrace'") || die "PostgreSQL gave up"
    [[ $exists ]] || postgres_query "$1" "$2" 'CREATE DATABASE millrace' >/dev/null
}

# Ready means: the server on that port is the one with this data folder.
postgres_wait_until_ready() {
    local pid
    pid=$(<"$1/pid")
    while process_alive "$pid"; do
        if [[ $(postgres_query "$1" "$2" 'SHOW data_directory' 2>/dev/null) == "$1/data" ]]; then return 0; fi
        sleep 0.05
    done
    return 1
}

# The options in the connection string win over PGSSLMODE and the like.
postgres_query() {
    "$2/psql" -X -A -t -c "$3" \
        "host=127.0.0.1 port=$(<"$1/port") user=millrace dbname=postgres sslmode=disable connect_timeout=5" </dev/null
}

# The command line tells this server from another process that has got the same number since.
postgres_running() {
    local pid arguments
    pid=$(cat "$1/postgres/pid" 2>/dev/null) && process_alive "$pid" || return 1
    arguments=$(tr '\0' ' ' <"/proc/$pid/cmdline") && [[ $arguments == *"/postgres -D $1/postgres/data "* ]]
}

# postgres_url DIR DATABASE
postgres_url() { echo "postgresql://millrace@127.0.0.1:$(<"$1/postgres/port")/$2"; }

# SIGINT is PostgreSQL's fast shutdown: it ends the sessions, then writes its checkpoint.
postgres_stop() {
    if postgres_running "$1"; then process_stop "$(<"$1/postgres/pid")" INT 60; fi
    rm -f "$1/postgres/pid"
}
