#!/usr/bin/env bash
# A redis-server on 127.0.0.1 (Debian: apt-get install -y --no-install-recommends redis-server).
#   redis.sh start DIR PORT [more options of redis-server, e.g. --appendonly yes --maxmemory 64mb]; PORT 0: with --tls-port alone
#   redis.sh stop  DIR    orderly (TERM); `kill DIR` for a crash
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
case $1 in
start)
  dir=$2 port=$3
  shift 3
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  nohup redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" --save '' --daemonize no "$@" >>"$dir/redis.log" 2>&1 &
  echo $! >"$dir/pid"
  # it listens before it has read what is on disk, and says so in its log
  before=$(grep -c 'Ready to accept connections' "$dir/ready.log" 2>/dev/null || true)
  for _ in $(seq 1 300); do
    [ "$(grep -c 'Ready to accept connections' "$dir/redis.log")" -gt "${before:-0}" ] && break
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || { tail -5 "$dir/redis.log" >&2; exit 1; }
    sleep 0.1
  done
  grep 'Ready to accept connections' "$dir/redis.log" >"$dir/ready.log" ;;
stop) stop_pid "$2/pid" 10 ;;
kill) stop_pid "$2/pid" 5 KILL ;;
*)
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2 ;;
esac
