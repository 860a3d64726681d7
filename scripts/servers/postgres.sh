#!/usr/bin/env bash
# A PostgreSQL on 127.0.0.1 with trust authentication, user `postgres` (Debian: apt-get install -y --no-install-recommends postgresql).
#   postgres.sh start DIR PORT [option=value ...]   initdb the first time (it refuses to run as root: user `postgres` owns DIR then)
#   postgres.sh stop  DIR    orderly (fast shutdown); `kill DIR` for a crash (immediate shutdown)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
case $1 in
start)
  bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
  as=()
  [ "$(id -u)" = 0 ] && as=(setpriv --reuid postgres --regid postgres --clear-groups --inh-caps=-all --)
  dir=$2 port=$3
  shift 3
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  [ "$(id -u)" = 0 ] && chown postgres "$dir"
  cd "$dir"
  [ -f "$dir/data/PG_VERSION" ] ||
    "${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1
  options=(-c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$dir" -c logging_collector=off)
  for option in "$@"; do options+=(-c "$option"); done
  # postgres itself, not pg_ctl: its PID is the one to stop
  nohup "${as[@]}" "$bin/postgres" -D "$dir/data" "${options[@]}" >>"$dir/postgres.log" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 1 600); do
    "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && exit 0
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
    sleep 0.1
  done
  tail -5 "$dir/postgres.log" >&2
  exit 1 ;;
stop) stop_pid "$2/pid" 20 INT ;;
kill) stop_pid "$2/pid" 5 QUIT ;;
*)
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2 ;;
esac
