#!/bin/sh
# Holds the listening socket at descriptor 3 and starts the program on it, again each time it ends
# well, as systemd does (sd_listen_fds(3)). Says each one's pid. SIGTERM ends it and the program.
# Usage: held.sh PROGRAM [OPTION]...   with the socket at descriptor 3
trap 'trap "" TERM; kill -TERM "$child"; wait "$child"; exit 0' TERM
status=0
while [ "$status" = 0 ]; do
  # LISTEN_PID must be the program's own pid: this shell says its own and becomes the program.
  # shellcheck disable=SC2016  # the inner shell expands it
  sh -c 'echo "started $$"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' sh "$@" &
  child=$!
  wait "$child"
  status=$?
  echo "ended $child with $status"
done
exit "$status"
