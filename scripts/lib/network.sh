# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Network namespaces in which packets can be made to vanish, for scripts/torture. Root alone may make them; uses ip (iproute2),
# nft (nftables) and nsenter (util-linux). A site's namespace is NAME-SITE; each has a cable of its own to this one.

# network_open NAME SITE…: makes them, and prints the address by which all of them reach this namespace.
network_open() {
    local name=$1 site namespace subnet cable address='' tables
    shift
    tables='table inet hole { chain in { type filter hook input priority 0; }; chain out { type filter hook output priority 0; }; }'
    for site; do
        namespace=$name-$site
        # Of the range for tests between networks (RFC 2544): four addresses that nobody here has.
        while :; do
            subnet=198.$((18 + RANDOM % 2)).$((RANDOM % 256)) cable=$((RANDOM % 64 * 4))
            ip -o -4 address show | grep -qF " $subnet.$((cable + 1))/30 " || break
        done
        ip netns add "$namespace"
        ip link add "mr${subnet//./}x$cable" type veth peer name host netns "$namespace"
        ip address add "$subnet.$((cable + 1))/30" dev "mr${subnet//./}x$cable"
        ip link set "mr${subnet//./}x$cable" up
        ip -n "$namespace" address add "$subnet.$((cable + 2))/30" dev host
        ip -n "$namespace" link set lo up
        ip -n "$namespace" link set host up
        ip -n "$namespace" route add default via "$subnet.$((cable + 1))"
        nsenter --net="/run/netns/$namespace" nft "$tables"
        address=${address:-$subnet.$((cable + 1))}
    done
    echo "$address"
}

# network_drop NAME SITE requests|replies|both PORT…: from now on nothing that the site sends to these ports arrives, or nothing
# that they answer, or neither.
network_drop() {
    local namespace=$1-$2 direction=$3 port
    shift 3
    for port; do
        if [[ $direction != replies ]]; then
            nsenter --net="/run/netns/$namespace" nft add rule inet hole out tcp dport "$port" drop
        fi
        if [[ $direction != requests ]]; then
            nsenter --net="/run/netns/$namespace" nft add rule inet hole in tcp sport "$port" drop
        fi
    done
}

# network_pass NAME SITE: everything arrives again.
network_pass() { nsenter --net="/run/netns/$1-$2" nft flush table inet hole; }

# network_close NAME: removes its namespaces, and with them their cables.
network_close() {
    local file
    for file in "/run/netns/$1-"*; do
        if [[ -e $file ]]; then ip netns delete "${file##*/}"; fi
    done
}
