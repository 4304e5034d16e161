#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two hosts on this machine, each with its own daemon, and a message with rights from a program on one to a program on
# the other. Installs and builds what is missing first. As root the hosts are two network namespaces joined by a virtual
# cable; else (or where namespaces are forbidden) two loopback addresses. The daemons use mutual TLS in both cases.
# Everything it starts or makes outside build/ is gone when it ends, however it ends.
#
# usage: deploy/try.sh        exit status 0: every step went as the program texts say it must
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

readonly build=build/release
readonly bin=$build/bin
readonly service=try.counter
readonly port=7470
# Network interface names hold 15 characters, so the marks of this run are short.
readonly mark=nm$$

work=
declare -A process=() # what runs: its name -> its process id
declare -A printer=() # the sed that marks a program's lines: the program's name -> its process id
declare -A address=()
declare -A inside=() # host -> the command that runs a program there; empty: nothing is needed

say() {
  printf '\n== %s\n' "$*"
}

# The cleaning -----------------------------------------------------------------------------------------------------

stop_everything() {
  local name
  for name in "${!process[@]}"; do
    kill -TERM "${process[$name]}" 2>/dev/null || true
  done
  for name in "${!process[@]}"; do
    wait_at_most 5 "${process[$name]}" || kill -KILL "${process[$name]}" 2>/dev/null || true
    wait "${process[$name]}" 2>/dev/null || true
  done
  ip netns delete "$mark-a" 2>/dev/null || true
  ip netns delete "$mark-b" 2>/dev/null || true
  [[ -z $work ]] || rm -rf "$work"
}

# wait_at_most SECONDS PID: true when the process has ended by then.
wait_at_most() {
  local ticks=$(($1 * 20))
  while is_running "$2"; do
    ((ticks-- > 0)) || return 1
    sleep 0.05
  done
}

# A child that ended and was not waited for yet still has its id, as a zombie.
is_running() {
  local state
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [[ $state != Z ]]
}

fail() {
  local host
  printf '\ntry: %s\n' "$*" >&2
  for host in a b; do
    [[ -z $work || ! -s $work/$host.log ]] || { echo "-- the last lines of host $host's daemon:" >&2; tail -n 20 "$work/$host.log" >&2; }
  done
  exit 1
}

# The hosts --------------------------------------------------------------------------------------------------------

# Two namespaces, a cable, an address at each end. False when this machine does not allow it; what was made is unmade.
hosts_in_namespaces() {
  [[ $(id -u) -eq 0 ]] && command -v ip >/dev/null || return 1
  {
    ip netns add "$mark-a" && ip netns add "$mark-b" &&
      ip link add "$mark-a" netns "$mark-a" type veth peer name "$mark-b" netns "$mark-b" &&
      plug_in a 192.0.2.1 && plug_in b 192.0.2.2
  } 2>/dev/null && return 0
  ip netns delete "$mark-a" 2>/dev/null || true
  ip netns delete "$mark-b" 2>/dev/null || true
  return 1
}

plug_in() {
  local space=$mark-$1
  ip -n "$space" address add "$2/30" dev "$space" && ip -n "$space" link set "$space" up &&
    ip -n "$space" link set lo up && ip netns exec "$space" true || return 1
  address[$1]=$2
  inside[$1]="ip netns exec $space"
}

hosts_on_loopback() {
  address=([a]=127.0.0.1 [b]=127.0.0.2)
  inside=([a]="" [b]="")
}

# at HOST PROGRAM ARGUMENT...: runs a program as a client of that host, in place of this shell.
at() {
  local host=$1
  shift
  # shellcheck disable=SC2086  # the prefix is several words, or none
  NETMSGD_SOCKET=$work/$host.socket exec ${inside[$host]} "$@"
}

start_daemon() {
  local host=$1 other=$2
  (at "$host" "$bin/netmsgd" --node "$host" --socket "$work/$host.socket" --control "$work/$host.control" \
    --state "$work/$host.state" --listen "${address[$host]}:$port" --peer "$other=${address[$other]}:$port" \
    --tls-cert "$work/tls/$host.crt" --tls-key "$work/tls/$host.key" --tls-ca "$work/tls/ca.crt") \
    >"$work/$host.log" 2>&1 &
  process[daemon-$host]=$!
}

control() {
  local host=$1
  shift
  "$bin/netmsgctl" --control "$work/$host.control" "$@"
}

# until_true SECONDS WHAT COMMAND...: asks again and again until the command succeeds, or fails the whole run. A command
# that knows it never will gives 2.
until_true() {
  local ticks=$(($1 * 20)) what=$2 status
  shift 2
  while true; do
    status=0
    "$@" >/dev/null 2>&1 || status=$?
    [[ $status -ne 0 ]] || return 0
    [[ $status -ne 2 ]] || fail "$what: never"
    ((ticks-- > 0)) || fail "$what: not within the time allowed"
    sleep 0.05
  done
}

daemon_answers() {
  is_running "${process[daemon-$1]}" || return 2
  control "$1" status || return 1
}

# The programs -----------------------------------------------------------------------------------------------------

# start_program NAME HOST PROGRAM ARGUMENT...: in the background, each line it prints marked with where it runs.
start_program() {
  local name=$1 host=$2 out
  shift 2
  exec {out}> >(sed -u "s/^/  [host $host, $name] /")
  printer[$name]=$!
  (at "$host" stdbuf -oL "$@") >&"$out" 2>&1 {out}>&- &
  process[$name]=$!
  exec {out}>&-
}

# finish NAME SECONDS: the program must end in time, with exit status 0.
finish() {
  local pid=${process[$1]} status=0
  wait_at_most "$2" "$pid" || fail "$1 has not ended after $2 s"
  wait "$pid" || status=$?
  unset "process[$1]"
  # The last lines are printed before anything else is said.
  [[ -z ${printer[$1]:-} ]] || wait_at_most 5 "${printer[$1]}" || true
  [[ $status -eq 0 ]] || fail "$1 ended with exit status $status"
}

# The session with the other host is open: each has seen the other's certificate.
peer_is_open() {
  control "$1" peers | grep -qw open
}

name_is_known() {
  control b names | grep -qw "$service"
}

# ------------------------------------------------------------------------------------------------------------------

trap stop_everything EXIT
trap 'exit 130' INT TERM

say "Installing and building what is missing"
deploy/packages.sh
mkdir -p build
if ! { cmake --preset release && cmake --build --preset release --target netmsgd netmsgctl example_server example_client
} >build/try.log 2>&1; then
  tail -n 30 build/try.log >&2
  fail "the build failed"
fi

work=$(mktemp -d)
if hosts_in_namespaces; then
  say "Host a (${address[a]}) and host b (${address[b]}): two network namespaces joined by a virtual cable"
else
  hosts_on_loopback
  say "Host a (${address[a]}) and host b (${address[b]}): two loopback addresses (namespaces need root)"
fi

say "A certificate authority, and a certificate for each host"
deploy/make-certs.sh "$work/tls" a b

say "A daemon on each host; they find and authenticate each other"
start_daemon a b
start_daemon b a
until_true 10 "the daemon of host a answers" daemon_answers a
until_true 10 "the daemon of host b answers" daemon_answers b
until_true 20 "host a has a session with host b" peer_is_open a
until_true 20 "host b has a session with host a" peer_is_open b
control a peers

say "A server on host b checks in the name '$service'; a client on host a looks it up and talks to it"
start_program server b "$bin/example_server" "$service"
until_true 10 "the name service of host b knows '$service'" name_is_known
start_program client a "$bin/example_client" "$service" b
finish client 30
finish server 10

say "What the daemons counted: rights made, moved and released must balance"
for host in a b; do
  control "$host" settle || fail "host $host does not come to rest"
done
for host in a b; do
  echo "host $host:"
  control "$host" audit || fail "the audit of host $host found an imbalance"
done

say "Both daemons are asked to stop"
for host in a b; do
  kill -TERM "${process[daemon-$host]}"
  finish "daemon-$host" 10
done
echo "done: the request and its reply crossed two hosts, every right was accounted for, nothing is left running"
