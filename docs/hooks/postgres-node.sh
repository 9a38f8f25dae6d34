#!/bin/sh
# Pointsman's hands on the machine of one PostgreSQL server: an example of node_hook that works as it is on Linux.
#
#   postgres-node.sh FOLDER NODE        reads FOLDER/NODE.conf and does the step that $POINTSMAN_STEP names
#
# It runs on the node's machine (let node_hook be an ssh with a forced command where Pointsman runs elsewhere), as the
# owner of the data folder, or as root, which becomes that owner. The contract is in docs/actions/postgres.rejoin.md:
# exit code 0 means done, anything else means not done and the last line says why; what was found is name=value lines.
#
# NODE.conf is a piece of sh:
#   DATA=/var/lib/postgresql/15/main     BIN=/usr/lib/postgresql/15/bin
#   KEEP=/var/lib/postgresql/diverged    # where WAL that is thrown away is kept; room for max_wal_size at least
#   ADDRESS="host=127.0.0.1 port=5432"   # this server, as this machine reaches it
#   REPLICATION="user=replicator"        # how a standby logs in to the primary, without host and port
#   REWIND="user=rewinder"               # how pg_rewind does; a role without statement_timeout
#   CONFIG_FILE=/etc/postgresql/15/main/postgresql.conf   # where it is not in DATA
#   LOG=$KEEP/NODE.log                   # of the server, where pg_ctl starts it
#   start_server() { sudo systemctl start postgresql@15-main; }
set -eu
export LC_ALL=C

fail() {
	echo "$*" >&2
	exit 1
}

[ $# -eq 2 ] || fail "usage: postgres-node.sh FOLDER NODE"
case $2 in */* | .*) fail "no node is called $2" ;; esac
CONFIG_FILE=
LOG=
start_server() { "$BIN/pg_ctl" -D "$DATA" -w -s -t 120 -l "$LOG" start; }
# shellcheck source=/dev/null # the operator's own file
. "$1/$2.conf"
LOG=${LOG:-$KEEP/$2.log}

if [ "$(id -u)" -eq 0 ]; then # PostgreSQL's programs refuse root
	[ "$(stat -L -c %u "$DATA")" -ne 0 ] || fail "$DATA belongs to root: it is no data folder of a server"
	# Whoever becomes somebody else outlives the death of the one who asked; keep that.
	exec setpriv --reuid "$(stat -L -c %u "$DATA")" --regid "$(stat -L -c %g "$DATA")" --clear-groups --pdeathsig keep "$0" "$@"
fi
DATA=$(readlink -f "$DATA")
cd "$KEEP" # never in DATA: what works there counts as its server
fork=${POINTSMAN_FORK_LSN:-}
primary="host=${POINTSMAN_PRIMARY_HOST:-} port=${POINTSMAN_PRIMARY_PORT:-}"

# in_time WHAT: the time for the step is not over. After it another server may be primary. It is measured from this program's
# start, and by this machine's clock, because an order may come late: packets of a connection that broke long ago arrive when
# the way is open again.
read -r began _ </proc/uptime
in_time() {
	read -r now _ </proc/uptime
	late="the time for the step $POINTSMAN_STEP is over: $1"
	[ "$((${now%.*}${now#*.} - ${began%.*}${began#*.}))" -lt "$((${POINTSMAN_WITHIN:-86400} * 100))" ] || fail "$late"
	[ "$(date +%s)" -lt "${POINTSMAN_UNTIL:-9999999999}" ] || fail "$late"
}

# comparable: without cmp each copy would seem to be another one. inspect says so before anything is begun.
comparable() { command -v cmp >/dev/null || fail "cmp is not installed on this machine; it is in diffutils"; }

# running: does any process work in the data folder? That also finds children that outlived their postmaster, and is not
# deceived by a process id that was given to somebody else, nor by a zombie. The folder itself is compared and not its name: a
# server in a container has another one for it.
running() {
	for process in /proc/[0-9]*; do
		if [ "$process/cwd" -ef "$DATA" ]; then return 0; fi
	done
	return 1
}

# serving: line 8 of the file is the server's own word of its state.
serving() { sed -n 8p "$DATA/postmaster.pid" 2>/dev/null | grep -q -e ready -e standby; }

stopped() { ! running || fail "$2 runs: $1 needs it stopped"; }

# control NAME: one line of pg_controldata.
control() { "$BIN/pg_controldata" -D "$DATA" | sed -n "s/^$1: *//p"; }

# timeline: of the newest WAL. pg_control names an older one until the first checkpoint after a promotion.
timeline() {
	newest=$(find "$DATA/pg_wal/" -maxdepth 1 -name '[0-9A-F]*' | sed -n 's|.*/\([0-9A-F]\{8\}\)[0-9A-F]\{16\}$|\1|p' | sort | tail -n 1)
	checkpoint=$(control "Latest checkpoint's TimeLineID")
	newest=$((0x${newest:-0}))
	if [ "$newest" -gt "$checkpoint" ]; then echo "$newest"; else echo "$checkpoint"; fi
}

# segment TIMELINE LSN: the name of the WAL file that holds the position.
segment() {
	printf '%08X%08X%08X\n' "$1" "$((0x${2%/*}))" "$((0x${2#*/} / $(control 'Bytes per WAL segment')))"
}

# forked TIMELINE: where the primary's history leaves this timeline; nothing when it never was on it.
forked() {
	psql "$primary $REPLICATION replication=true" -XAtqc "TIMELINE_HISTORY $POINTSMAN_PRIMARY_TIMELINE" |
		sed 's/^[0-9A-F]*\.history|//' | awk -v mine="$1" '$1 == mine { print $2 }'
}

# history TIMELINE: whether this server came to its timeline as the primary did. Two servers that were promoted from one timeline
# give their new ones the same number, and only where each left the old one tells them apart. Nothing where that is not known.
history() {
	own=$DATA/pg_wal/$(printf '%08X' "$1").history
	[ "$1" -gt 1 ] && [ -e "$own" ] || return 0
	theirs=$(psql "$primary $REPLICATION replication=true" -XAtqc "TIMELINE_HISTORY $POINTSMAN_PRIMARY_TIMELINE") || return 0
	theirs=$(printf '%s\n' "$theirs" | sed 's/^[0-9A-F]*\.history|//' | awk -v mine="$1" '$1 ~ /^[0-9]+$/ && $1 + 0 < mine { print $1, $2 }')
	if [ "$(awk '$1 ~ /^[0-9]+$/ { print $1, $2 }' "$own")" = "$theirs" ]; then echo "history=same"; else echo "history=other"; fi
}

# rewinding NODE: a pg_rewind is at work. It goes on where the one who asked for it is gone, and keeps the lock until it ends; 1 is
# what flock says of a lock that another one has.
rewinding() {
	[ -e "$KEEP/$1.rewinding" ] && [ -e "$KEEP/$1.lock" ] || return 1
	taken=0
	flock -n "$KEEP/$1.lock" true || taken=$?
	[ "$taken" -eq 1 ] && [ -e "$KEEP/$1.rewinding" ] # it may have ended between the two
}

# progress NODE: since when that pg_rewind is at work, and when it last said something, as it does each second while it copies. Where it says
# nothing any more it may wait for ever, and only a person can end it.
progress() {
	log=
	read -r log <"$KEEP/$1.rewinding" || true # of a hook that did not write it down, or with a full disk
	[ -e "$log" ] || log=
	since=$(changed "$KEEP/$1.rewinding") || return 0 # it has ended
	echo " since $since${log:+, and $log grew last at $(changed "$log")}"
}

# changed FILE: when it was written last.
changed() { date -u -r "$1" +%Y-%m-%dT%H:%M:%SZ; }

# inspect reads only. A record that begins at the fork or after it exists on this node alone. contract is the number of the
# contract that this program keeps; Pointsman asks nothing of one that keeps an older one.
inspect() {
	comparable
	echo "contract=2"
	echo "clock=$(date +%s)"
	echo "state=$(control 'Database cluster state')"
	echo "system_identifier=$(control 'Database system identifier')"
	echo "checkpoint_lsn=$(control 'Latest checkpoint location')"
	mine=$(timeline)
	echo "timeline=$mine"
	rewindable=no
	[ "$(control 'wal_log_hints setting')" != on ] || rewindable=yes
	[ "$(control 'Data page checksum version')" = 0 ] || rewindable=yes
	echo "rewindable=$rewindable"
	if rewinding "$2"; then
		under_way="a pg_rewind of it is under way$(progress "$2")"
		printf '%s\n' "busy=$under_way" "broken=$under_way" # broken for a Pointsman that does not know busy
		echo "running=no"
		return 0 # what else is there changes under our eyes
	fi
	[ ! -e "$KEEP/$2.rewinding" ] || echo "broken=an earlier pg_rewind of it did not end"
	if running; then echo "running=yes"; else echo "running=no"; fi
	[ -n "${POINTSMAN_PRIMARY_TIMELINE:-}" ] && [ "$POINTSMAN_PRIMARY_TIMELINE" -ge "$mine" ] || return 0
	history "$mine"
	[ "$POINTSMAN_PRIMARY_TIMELINE" -gt "$mine" ] || return 0
	fork=$(forked "$mine")
	echo "fork_lsn=$fork"
	[ -n "$fork" ] && ! running || return 0
	case $(control 'Database cluster state') in
	"in archive recovery" | "shut down in recovery") # a standby: what it received and did not replay is not in its data, and it will not read it
		min=$(control 'Minimum recovery ending location')
		if [ "$min" = 0/0 ]; then min=$fork; fi
		echo "last_lsn=$min"
		lost_commits_between "$mine" "$fork" "$min"
		return 0
		;;
	esac
	own=$(ls "$DATA/pg_wal/$(segment "$mine" "$fork")" 2>/dev/null || true)
	if unwritten "$mine" "$fork"; then
		own=
	elif [ -z "$own" ]; then
		own_segments_before "$mine" "$fork" || fail "the WAL of $2 at the fork $fork is gone"
	fi
	records=$([ -z "$own" ] || waldump "$mine" "$fork" "" 2>&1 | sed 's/^/: /')
	if printf '%s' "$records" | grep -q '^: rmgr: '; then
		# Where the log ends, or, where it ends with a whole file, where its last record begins.
		end=$(printf '%s\n' "$records" | sed -n 's|^: pg_waldump: .* at \([0-9A-F]*/[0-9A-F]*\): .*|\1|p' | tail -n 1)
		echo "last_lsn=${end:-$(printf '%s\n' "$records" | sed -n 's|^: rmgr: .* lsn: \([0-9A-F]*/[0-9A-F]*\), .*|\1|p' | tail -n 1)}"
		echo "lost_commits=$(printf '%s\n' "$records" | grep -c 'desc: COMMIT' || true)"
	else # nothing of its own, if the WAL could be read up to there
		[ -z "$own" ] || printf '%s' "$records" | grep -q 'could not find a valid record' || fail "the WAL of $2 cannot be read: $records"
		echo "last_lsn=$fork"
		echo "lost_commits=0"
	fi
}

# waldump TIMELINE FROM TO [OPTION...]: the records, to the end of the log where TO is empty. It is told between which files: else it
# takes the first one of the folder to see how long files are, and one that was made beforehand is empty.
waldump() {
	timeline=$1 from=$2 to=$3
	shift 3
	last=$(find "$DATA/pg_wal/" -maxdepth 1 -name "$(printf '%08X' "$timeline")????????????????" | sed 's|.*/||' | sort |
		awk -v most="$([ -z "$to" ] || segment "$timeline" "$to")" 'most == "" || ($0 "") <= (most "")' | tail -n 1)
	"$BIN/pg_waldump" -p "$DATA/pg_wal" -s "$from" ${to:+-e "$to"} "$@" "$(segment "$timeline" "$from")" "$last"
}

# lost_commits_between TIMELINE FROM TO: nothing where the WAL does not tell; then the number is unknown, and not 0.
lost_commits_between() {
	if [ "$((0x${3%/*}))" -lt "$((0x${2%/*}))" ] || { [ "$((0x${3%/*}))" -eq "$((0x${2%/*}))" ] && [ "$((0x${3#*/}))" -le "$((0x${2#*/}))" ]; }; then
		echo "lost_commits=0"
	elif commits=$(waldump "$1" "$2" "$3" -r Transaction 2>/dev/null); then
		echo "lost_commits=$(printf '%s\n' "$commits" | grep -c 'desc: COMMIT' || true)"
	fi
}

# unwritten TIMELINE LSN: the file of that position was made beforehand and nothing is in it yet, as where the log ended with a
# whole file. pg_waldump cannot read such a one.
unwritten() {
	[ -e "$DATA/pg_wal/$(segment "$1" "$2")" ] || return 1
	expr "$(segment "$1" "$(control 'Latest checkpoint location')")" '<' "$(segment "$1" "$2")" >/dev/null || return 1
	[ -z "$(od -An -v -tx1 -N 64 "$DATA/pg_wal/$(segment "$1" "$2")" | tr -d ' \n0')" ]
}

# own_segments_before TIMELINE LSN: the log ends with the segment before the fork, so nothing was written after it.
own_segments_before() {
	last=$(find "$DATA/pg_wal/" -maxdepth 1 -name "$(printf '%08X' "$1")????????????????" | sed 's|.*/||' | sort | tail -n 1)
	[ -n "$last" ] && expr "$last" '<' "$(segment "$1" "$2")" >/dev/null
}

# own_wal TIMELINE: the names of the WAL files from the fork to the last position.
own_wal() {
	first=$(segment "$1" "$fork")
	last=$(segment "$1" "$POINTSMAN_LAST_LSN")
	for file in "$DATA"/pg_wal/"$(printf '%08X' "$1")"????????????????; do
		name=${file##*/}
		if expr "$name" '<' "$first" >/dev/null || expr "$name" '>' "$last" >/dev/null; then continue; fi
		echo "$name"
	done
}

# aside PATH: what an earlier attempt kept under the name is kept too, with a number behind it.
aside() {
	[ -e "$1" ] || return 0
	k=1
	while [ -e "$1.$k" ]; do k=$((k + 1)); done
	mv "$1" "$1.$k"
}

# keep copies the WAL after the fork: those transactions are nowhere else. A copy of an earlier attempt is one only of what was
# there then: the server may have run since, and written on in the same file.
keep() {
	comparable
	stopped keep "$2"
	mine=$(timeline)
	into=$KEEP/$POINTSMAN_KEEP
	mkdir -p "$into"
	n=0
	for name in $(own_wal "$mine"); do
		if ! cmp -s "$DATA/pg_wal/$name" "$into/$name"; then
			cp -p "$DATA/pg_wal/$name" "$into/$name.new" # a line of its own, or set -e passes over its failure
			aside "$into/$name"
			mv "$into/$name.new" "$into/$name"
		fi
		n=$((n + 1))
	done
	[ "$n" -gt 0 ] || fail "no WAL file of timeline $mine holds $fork"
	echo "WAL of $2, timeline $mine, from $fork to $POINTSMAN_LAST_LSN: written there and nowhere else" >"$into/README"
	sync "$into"/* "$into"
	echo "kept=$into"
	echo "segments=$n"
}

# rewind makes the data folder a copy of the primary's again. Configuration files are this node's own.
rewind() {
	comparable
	stopped rewind "$2"
	[ "$(control 'Database system identifier')" = "$POINTSMAN_SYSTEM_ID" ] || fail "$2 belongs to another cluster"
	into=$KEEP/$POINTSMAN_KEEP
	[ -e "$into/README" ] || fail "the WAL of $2 was not kept in $into"
	mine=$(timeline)
	if [ "$mine" -lt "$POINTSMAN_PRIMARY_TIMELINE" ]; then # else an earlier pg_rewind has done it
		for name in $(own_wal "$mine"); do
			cmp -s "$DATA/pg_wal/$name" "$into/$name" || fail "$name of $2 is not what is kept in $into: it ran meanwhile"
		done
	fi
	mkdir -p "$into/conf"
	cp -p "$DATA"/*.conf "$into/conf/"
	rm -f "$DATA/postmaster.pid" # nothing runs; a killed server's may name a zombie
	touch "$KEEP/$2.rewinding"   # half a rewind is no data folder any more
	echo "$into/pg_rewind.log" >"$KEEP/$2.rewinding" || true
	# A primary whose machine is gone would keep it, and the lock with it, for ever.
	alive="connect_timeout=30 keepalives_idle=30 keepalives_interval=10 keepalives_count=3 tcp_user_timeout=60000"
	"$BIN/pg_rewind" --progress --target-pgdata="$DATA" --source-server="$primary $alive $REWIND dbname=postgres options='-c statement_timeout=0'" \
		${CONFIG_FILE:+--config-file="$CONFIG_FILE"} >"$into/pg_rewind.log" 2>&1 || {
		# Before it says this it has written nothing: a right that was missing costs no new base backup.
		grep -q 'rewinding from last common checkpoint' "$into/pg_rewind.log" || rm "$KEEP/$2.rewinding"
		fail "$(tail -n 1 "$into/pg_rewind.log")"
	}
	cp -p "$into/conf"/*.conf "$DATA/"
	touch "$DATA/standby.signal" # it is a copy of a primary now, and must not start as one, as after a reboot
	sync "$DATA/standby.signal" "$DATA"
	rm "$KEEP/$2.rewinding"
}

# slot NODE: the slot of a standby on its primary.
slot() { echo "$1" | tr -c 'a-z0-9_\n' _; }

# start lets the node follow the primary.
start() {
	stopped start "$2"
	[ ! -e "$KEEP/$2.rewinding" ] || fail "an earlier pg_rewind of $2 did not end: rebuild it"
	[ "$(control 'Database system identifier')" = "$POINTSMAN_SYSTEM_ID" ] || fail "$2 belongs to another cluster"
	rm -f "$DATA/postmaster.pid" "$DATA/recovery.signal"
	touch "$DATA/standby.signal" # before anything else: without it the node would start as a primary
	sync "$DATA/standby.signal" "$DATA"
	auto=$DATA/postgresql.auto.conf
	{
		grep -v -e '^primary_conninfo' -e '^primary_slot_name' "$auto" || true
		echo "primary_conninfo = '$primary $REPLICATION application_name=$2'"
		echo "primary_slot_name = '$(slot "$2")'"
	} >"$auto.new"
	mv "$auto.new" "$auto"
	# 42710: it exists already. The words are in the language of the server.
	said=$(psql "$primary $REPLICATION replication=true" -X -v VERBOSITY=verbose -qc "CREATE_REPLICATION_SLOT $(slot "$2") PHYSICAL RESERVE_WAL" 2>&1 >/dev/null) ||
		case $said in *42710*) ;; *) fail "$said" ;; esac
	start_server 9>&- >/dev/null || fail "$2 did not start: $(tail -n 1 "$LOG" 2>&1)"
	# The slots that the primary and those who follow it had here would keep WAL on this node for ever. One that somebody reads
	# is not dropped: the server refuses.
	for other in "$POINTSMAN_PRIMARY_NODE" ${POINTSMAN_SETTLED:-}; do
		psql "$ADDRESS $REPLICATION replication=true" -Xqc "DROP_REPLICATION_SLOT $(slot "$other")" >/dev/null 2>&1 || true
	done
}

# stop shuts the server down in order: it ends the sessions, writes a checkpoint, and waits until its standbys have it.
# Clients wait for this step in a switchover, so it starts few programs. For whom it was stopped is on record before: a way back of
# another attempt must not start it any more. Nor is it stopped for an attempt that has gone its way back.
stop() {
	in_time "$2 is not stopped"
	over=
	[ ! -e "$KEEP/$2.given-up" ] || read -r over <"$KEEP/$2.given-up" || true
	[ -z "${POINTSMAN_ATTEMPT:-}" ] || [ "$over" != "$POINTSMAN_ATTEMPT" ] || fail "this stop of $2 was given up meanwhile"
	echo "${POINTSMAN_ATTEMPT:-}" >"$KEEP/$2.stopped-for"
	pid=
	[ ! -e "$DATA/postmaster.pid" ] || read -r pid <"$DATA/postmaster.pid" || true # empty, where a disk was full
	if [ -n "$pid" ] && [ "/proc/$pid/cwd" -ef "$DATA" ]; then
		kill -INT "$pid"
		while [ -e "/proc/$pid/cwd" ]; do sleep 0.005; done # it ends after its children
	else
		stopped stop "$2"
	fi
	"$BIN/pg_controldata" -D "$DATA" |
		sed -n -e 's/^Database cluster state: */state=/p' -e 's/^Latest checkpoint location: */checkpoint_lsn=/p'
}

# again starts a primary that was stopped for a switchover which could not be made. A stop that took too long may still be
# under way: its server is one that runs only for a moment more. One that has not come yet comes too late.
again() {
	in_time "$2 is not started"
	echo "${POINTSMAN_ATTEMPT:-}" >"$KEEP/$2.given-up" || true # with a full disk it is started all the same
	while running && ! serving; do
		in_time "$2 is not started"
		sleep 0.05
	done
	if running; then return 0; fi
	[ ! -e "$DATA/standby.signal" ] || fail "$2 is a standby"
	[ "$(control 'Database cluster state')" = "shut down" ] || fail "$2 was not shut down in order"
	stopped_for=
	[ ! -e "$KEEP/$2.stopped-for" ] || read -r stopped_for <"$KEEP/$2.stopped-for" || true
	[ "$stopped_for" = "${POINTSMAN_ATTEMPT:-}" ] || fail "$2 was stopped by another attempt or by hand, and another server may be primary: it is not started"
	in_time "$2 is not started" # the last thing before
	start_server 9>&- >/dev/null || fail "$2 did not start: $(tail -n 1 "$LOG" 2>&1)"
}

case ${POINTSMAN_STEP:-} in
inspect) inspect "$@" ;;
stop | keep | rewind | start | again)
	exec 9>"$KEEP/$2.lock"
	wait=0
	case $POINTSMAN_STEP in
	again) flock 9 ;; # a stop that took too long may still be at work
	stop) # so may one of an attempt before, whose way back would find its server stopped for another one
		wait=${POINTSMAN_WITHIN:-0}
		[ "$wait" -le 30 ] || wait=30
		;;
	esac
	flock -w "$wait" 9 || fail "another step is at work on $2"
	"$POINTSMAN_STEP" "$@"
	;;
*) fail "POINTSMAN_STEP is '${POINTSMAN_STEP:-}'; it must be inspect, stop, keep, rewind, start or again" ;;
esac
