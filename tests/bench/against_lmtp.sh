#!/bin/bash
# against_lmtp.sh [REPS]   the store's durable deliveries beside Dovecot's LMTP (sdbox), in turn on this machine.
# Both store 4 KiB messages durably, 100 at a time. From the environment: RIG, PEERS, PROGRAMS as in side_by_side.sh.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
: "${RIG:?folder of the measuring rig}" "${PEERS:?folder with dovecot.sh}"
PROGRAMS=${PROGRAMS:-$ROOT/build/release/bin}
export PERF_RIG=$RIG USERS=12000
trap '"$PEERS/dovecot.sh" stop >/dev/null 2>&1 || true; rm -rf "$RIG/bench_store"' EXIT
"$PEERS/dovecot.sh" reset sdbox
for _ in $(seq "${1:-3}"); do
  rm -rf "$RIG/bench_store"
  "$PROGRAMS/bench_store" "$RIG/bench_store" 4 deliveries 2>/dev/null
  "$PEERS/dovecot.sh" start sdbox
  for conns in 1 10 100; do
    "$RIG/bin/mailload" lmtp --port 42124 --conns "$conns" --messages $((conns == 1 ? 300 : 2000)) --users 100 \
      --label "dovecot lmtp, $conns callers" 2>/dev/null |
      python3 -c 'import json,sys
for line in sys.stdin:
    r = json.loads(line)
    print("%s: %.0f/s" % (r["label"], r["msgs_per_s"]))'
  done
  "$PEERS/dovecot.sh" stop
done
