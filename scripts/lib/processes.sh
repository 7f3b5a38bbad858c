# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Processes by their id: is it alive, end it, and run a child that gets the script's signals.
# Uses messages.sh. Linux only (/proc, setsid).

# Succeeds if the process runs; one that has ended and that nobody has waited for yet (a zombie) does not.
process_alive() {
    local stat
    [[ ${1:-} ]] && { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    [[ ${stat##*) } != [ZX]* ]]
}

# process_stop PID SIGNAL SECONDS: sends the signal, waits for the end, kills after so many seconds.
process_stop() {
    local pid=$1 signal=$2 deadline=$((SECONDS + $3))
    kill -s "$signal" "$pid" 2>/dev/null || true
    while process_alive "$pid"; do
        if ((SECONDS > deadline)); then
            say "process $pid did not end within $3 s; killing it"
            kill -s KILL "$pid" 2>/dev/null || true
            deadline=$((SECONDS + 10))
        fi
        sleep 0.05
    done
}

# A port to try: below the range that the kernel hands out for outgoing connections. Whether it is free is known only by
# starting a server on it, so that is what the callers do, until one starts.
port_to_try() { echo $((20000 + RANDOM % 12000)); }

child_pid=''        # the child that child_run waits for
child_forwards_again=''  # set: a second signal is forwarded too, to a child that then ends at once
child_signals=0     # how many signals were forwarded to it, or came while it ended

# child_run COMMAND…: runs it in a session of its own and returns its exit code. A Ctrl-C thus reaches the script alone,
# which passes it on once; a terminal's would reach both, and twice often means "at once". After a signal nothing more is
# run, even if the child before ended well.
child_run() {
    local seen code=0 status
    if ((child_signals > 0)); then return 130; fi
    # Background children of a script start with these signals ignored.
    setsid env --default-signal=INT,QUIT "$@" &
    child_pid=$!
    while :; do
        seen=$child_signals
        status=0
        wait "$child_pid" || status=$?
        if ((status != 127)); then code=$status; fi
        # A trap interrupts the wait: wait again, for the child's own code.
        if ((child_signals == seen || status == 127)); then break; fi
    done
    child_pid=
    return "$code"
}

# child_forward_signals [SIGNAL]: from now on HUP, INT, TERM and a closed standard output end the child, or without one the
# script. The child gets INT or TERM, or the SIGNAL that is named here.
child_forward_signals() {
    # shellcheck disable=SC2064
    {
        trap "child_forward ${1:-TERM} 129" HUP
        trap "child_forward ${1:-INT} 130" INT
        trap "child_forward ${1:-TERM} 143" TERM
        trap "child_forward ${1:-TERM} 141" PIPE
    }
}

child_forward() {
    if [[ ! $child_pid ]]; then exit "$2"; fi
    child_signals=$((child_signals + 1))
    if ((child_signals == 1)); then
        kill -s "$1" "$child_pid" 2>/dev/null || true
    elif [[ $child_forwards_again ]] && ((child_signals == 2)); then
        kill -s "$1" "$child_pid" 2>/dev/null || true
    else
        say "still stopping; to end it at once: kill -9 $child_pid"
    fi
}
