#!/bin/bash
# side_by_side.sh [REPS]   Hauspost against Postfix + Dovecot on this machine, runs in turn (A B A B).
#
# From the environment:
#   RIG        folder of the measuring rig's programs in bin/ (mailload, corpus, prio); run data lies there too
#   PEERS      folder with dovecot.sh and postfix.sh, which start and stop the peers on 127.0.0.1
#   PROGRAMS   folder of a release build's programs (default: build/release/bin)
#   OUT        results, one JSON line a run (default: $RIG/side_by_side.jsonl)
#   SETS       which of: logins smtp append fetch search mixed pop3 (default: all)
#   CLEAR      1: IMAP in the clear on both; else over TLS. SMTP and POP3 are in the clear (the peers'
#              rig has no POP3 over TLS) but for one row with STARTTLS
# Both answer only what is durable. A delivery counts for
# Postfix when Dovecot shows it, for Hauspost when it answers 250, which is after it is in the mailbox:
# the script checks that the number of messages agrees.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
REPS=${1:-5}
: "${RIG:?folder of the measuring rig}" "${PEERS:?folder with dovecot.sh and postfix.sh}"
PROGRAMS=${PROGRAMS:-$ROOT/build/release/bin}
OUT=${OUT:-$RIG/side_by_side.jsonl}
SETS=${SETS:-logins smtp append fetch search mixed pop3}
CLEAR=${CLEAR:-0}
BIN=$RIG/bin
PORTS=26000 # standard numbers above this one
export PERF_RIG=$RIG USERS=12000

for program in "$BIN/mailload" "$BIN/corpus" "$BIN/prio" "$PROGRAMS/hauspostd" "$PROGRAMS/hauspost"; do
  [ -x "$program" ] || { echo "side_by_side: $program is missing" >&2; exit 2; }
done
[ -s "$RIG/c10k.ns" ] || "$BIN/corpus" --n 10000 --seed 1 --out "$RIG/c10k.ns" 2>/dev/null

stop_all() {
  "$PEERS/postfix.sh" stop >/dev/null 2>&1 || true
  "$PEERS/dovecot.sh" stop >/dev/null 2>&1 || true
  python3 "$HERE/rig_server.py" stop "$PROGRAMS" "$RIG/hauspost" || true
}
trap stop_all EXIT
stop_all

python3 "$HERE/rig_server.py" start "$PROGRAMS" "$RIG/hauspost" $PORTS "$BIN/prio"
# One control group for both peers, so that their CPU time is counted together.
printf '#!/bin/bash\nexec "%s" peers "${@:2}"\n' "$BIN/prio" >"$BIN/prio-peers"
chmod +x "$BIN/prio-peers"
export PRIO=$BIN/prio-peers
"$PEERS/dovecot.sh" reset sdbox
"$PEERS/dovecot.sh" start sdbox
"$PEERS/postfix.sh" start

us=(--login-suffix @perf.test --cgroup perf-rig/ours)
them=(--cgroup perf-rig/peers)
ours=(--port $((PORTS + 993)) --tls "${us[@]}")
theirs=(--port 42193 --tls "${them[@]}")
if [ "$CLEAR" = 1 ]; then
  ours=(--port $((PORTS + 143)) "${us[@]}")
  theirs=(--port 42143 "${them[@]}")
fi
load() { # LABEL ARGS...
  local label=$1; shift
  "$BIN/prio" gen "$BIN/mailload" "$@" --label "$label" >>"$OUT" 2>>"$OUT.err" || echo "failed: $label" >&2
  tail -1 "$OUT" | cut -c1-160
}
imap_both() { # NAME COMMAND ARGS...
  local name=$1 command=$2; shift 2
  load "hauspost/$name" "$command" "${ours[@]}" "$@"
  load "dovecot/$name" "$command" "${theirs[@]}" "$@"
}
pop3_both() { # NAME ARGS...
  local name=$1; shift
  load "hauspost/$name" pop3 --port $((PORTS + 110)) "${us[@]}" "$@"
  load "dovecot/$name" pop3 --port 42110 "${them[@]}" "$@"
}
smtp_both() { # NAME MESSAGES ARGS...
  local name=$1 messages=$2 before after; shift 2
  before=$(python3 "$HERE/rig_server.py" count "$PROGRAMS" "$RIG/hauspost")
  load "hauspost/$name" smtp --port $((PORTS + 25)) --cgroup perf-rig/ours --messages "$messages" --users 50 \
    --pipelining --per-conn 90 "$@"
  after=$(python3 "$HERE/rig_server.py" count "$PROGRAMS" "$RIG/hauspost")
  [ $((after - before)) = "$messages" ] ||
    echo "hauspost/$name: $messages sent, $((after - before)) arrived" | tee -a "$OUT.err" >&2
  load "postfix+dovecot/$name" smtp --port 42125 --cgroup perf-rig/peers --messages "$messages" \
    --users 50 --pipelining --per-conn 90 --e2e 127.0.0.1:42143 "$@"
}
has() { case " $SETS " in *" $1 "*) return 0 ;; esac; return 1; }

if has logins; then # first: the mailboxes are empty yet
  pop3_both warm --conns 4 --users 50 --sessions 100
  imap_both warm imap-mixed --clients 4 --session-ops 1 --users 50 --first-user 100 --seconds 1 --warmup 0
  for _ in $(seq "$REPS"); do
    pop3_both logins-pop3-c1 --conns 1 --users 50 --sessions 500
    pop3_both logins-pop3-c8 --conns 8 --users 50 --sessions 2000
    # In other mailboxes: these clients leave mail behind.
    imap_both logins-imap-c8 imap-mixed --clients 8 --session-ops 1 --users 50 --first-user 100 --seconds 5 --warmup 1
  done
fi
if has smtp; then
  smtp_both warm 200 --conns 4
  for _ in $(seq "$REPS"); do
    smtp_both smtp-4k-c1 500 --conns 1
    smtp_both smtp-4k-c10 2000 --conns 10
    smtp_both smtp-mix-c10 500 --conns 10 --mix 4k:80,64k:15,1m:5
    smtp_both smtp-each-c10 600 --conns 10 --per-conn 1
    smtp_both smtp-each-tls-c10 300 --conns 10 --per-conn 1 --starttls
  done
fi
if has append; then
  imap_both warm append --conns 4 --users 40 --messages 200
  for _ in $(seq "$REPS"); do
    imap_both append-4k-c1 append --conns 1 --users 40 --messages 1000
    imap_both append-4k-c10 append --conns 10 --users 40 --messages 3000
  done
fi
if has fetch || has search || has mixed; then
  imap_both load-10k append --conns 1 --users 1 --first-user 10000 --corpus "$RIG/c10k.ns" --multi 50 --seen-pct 60
  imap_both load-mixed append --conns 10 --users 50 --first-user 100 --corpus "$RIG/c10k.ns" \
    --messages 10000 --multi 20 --seen-pct 60
fi
if has fetch; then
  imap_both warm imap-fetch --first-user 10000 --bodies 500
  for _ in $(seq "$REPS"); do
    imap_both fetch10k-c1 imap-fetch --first-user 10000 --bodies 2000
    imap_both fetch10k-c4 imap-fetch --first-user 10000 --conns 4 --bodies 2000
  done
fi
if has search; then
  imap_both warm imap-search --first-user 10000 --reps 1
  for _ in $(seq "$REPS"); do imap_both search10k imap-search --first-user 10000 --reps 2; done
fi
if has mixed; then
  for _ in $(seq "$REPS"); do
    imap_both mixed-k1 imap-mixed --clients 1 --session-ops 2000 --users 50 --first-user 100 --seconds 6
    imap_both mixed-k10 imap-mixed --clients 10 --session-ops 2000 --users 50 --first-user 100 --seconds 8
  done
fi
if has pop3; then
  imap_both load-pop3 append --conns 2 --users 10 --first-user 60 --messages 2000 --multi 20
  pop3_both warm --conns 1 --users 10 --first-user 60 --sessions 10
  for _ in $(seq "$REPS"); do
    pop3_both pop3-200-c1 --conns 1 --users 10 --first-user 60 --sessions 20
    pop3_both pop3-200-c4 --conns 4 --users 10 --first-user 60 --sessions 40
    pop3_both pop3-200-pipelined --conns 1 --users 10 --first-user 60 --sessions 40 --pipelining
  done
fi
echo "results: $OUT"
