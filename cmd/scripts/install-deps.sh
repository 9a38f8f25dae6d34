#!/bin/sh
# Installs the real servers that the tests, the benchmarks and the demo start.
#
#   install-deps.sh [postgresql] [alertmanager] [pgbouncer] [patroni] [redis] [chromium] [cc] [iproute2] [curl]
#
# Without arguments: postgresql and alertmanager. What is there already is left as it is. Where there is no apt-get, it
# says what to install. No packaged service is started: the tests run their own servers in temporary folders.
set -eu

min_postgres=15

# have NAME: is the component here, new enough?
have() {
	case $1 in
	postgresql)
		for postgres in "$(command -v postgres || true)" /usr/lib/postgresql/*/bin/postgres; do
			[ -x "$postgres" ] || continue
			major=$("$postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
			[ "${major:-0}" -ge "$min_postgres" ] && return 0
		done
		return 1
		;;
	alertmanager) command -v alertmanager || command -v prometheus-alertmanager ;;
	pgbouncer) command -v pgbouncer || [ -x /usr/sbin/pgbouncer ] ;;
	# Patroni without the module of its etcd client starts, and then finds no store to agree in.
	patroni)
		# By the Python that its first line names, which need not be the first in PATH.
		command -v patroni && command -v etcd && $(sed -n '1s/^#!//p' "$(command -v patroni)") -c 'import etcd' 2>/dev/null
		;;
	redis) command -v redis-server ;;
	cc) command -v cc || command -v gcc ;;
	curl) command -v curl ;;
	iproute2) command -v ip || [ "$(uname)" != Linux ] ;;
	chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
	*) echo "install-deps: unknown component $1" >&2 && exit 2 ;;
	esac >/dev/null
}

# packages NAME: what Debian and Ubuntu call it.
packages() {
	case $1 in
	alertmanager) echo prometheus-alertmanager ;;
	patroni) echo patroni etcd-server python3-etcd ;;
	redis) echo redis-server ;;
	cc) echo gcc libc6-dev ;;
	chromium) echo chromium fonts-dejavu-core fonts-noto-color-emoji fonts-lato ;;
	*) echo "$1" ;;
	esac
}

# units NAME: the services that its packages enable for the next boot.
units() {
	case $1 in
	postgresql | pgbouncer) echo "$1" ;;
	alertmanager) echo prometheus-alertmanager ;;
	patroni) echo patroni etcd ;;
	redis) echo redis-server ;;
	esac
}

# by_hand NAME: what to install where this script cannot.
by_hand() {
	case $1 in
	postgresql) echo "PostgreSQL $min_postgres or newer, server programs (postgres, initdb) in PATH: https://www.postgresql.org/download/" ;;
	alertmanager) echo "Alertmanager 0.25 or newer, 'alertmanager' in PATH: https://prometheus.io/download/#alertmanager" ;;
	patroni) echo "Patroni 3.0 or newer with its etcd client, and etcd 3.4 or newer, 'patroni' and 'etcd' in PATH: https://patroni.readthedocs.io" ;;
	cc) echo "a C compiler, 'cc' in PATH: the race detector needs it" ;;
	curl) echo "curl: what is pasted by hand is tried with it" ;;
	iproute2) echo "iproute2, 'ip' in PATH: the tests partition real networks" ;;
	*) echo "$1, in PATH" ;;
	esac
}

# as_root CMD...: with sudo when we are not root.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/pointsman.conf
made=
clean() {
	for file in $made; do as_root rm -f "$file"; done
	made=
}

# guard FILE MODE TEXT: a file that exists only while packages are installed; one that stands there already is kept.
guard() {
	[ -e "$1" ] && return 0
	as_root mkdir -p "$(dirname "$1")"
	made="$made $1"
	printf '%s\n' "$3" | as_root tee "$1" >/dev/null
	as_root chmod "$2" "$1"
}

# quietly CMD...: shows what it said only if it failed.
quietly() {
	if ! output=$("$@" 2>&1 </dev/null); then
		printf '%s\n' "$output" >&2
		return 1
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

[ $# -gt 0 ] || set -- postgresql alertmanager
missing=
for name in "$@"; do
	have "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; }; then
	echo "install-deps: please install (as root on Debian or Ubuntu this script does it):" >&2
	for name in $missing; do echo "  - $(by_hand "$name")" >&2; done
	exit 1
fi

# A signal ends the script, and the end removes the guards: a policy-rc.d left behind would keep every later package
# from starting its service.
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
guard "$policy" 755 '#!/bin/sh
exit 101'
guard "$cluster" 644 'create_main_cluster = false'

wanted=
for name in $missing; do wanted="$wanted $(packages "$name")"; done
echo "install-deps: installing$wanted"
quietly apt update || echo "install-deps: going on with the package lists of before" >&2
# shellcheck disable=SC2086 # a list of package names
quietly apt install -y --no-install-recommends $wanted
for name in $missing; do
	for unit in $(units "$name"); do
		# Installed for tests, it has no business to start at the next boot.
		if command -v systemctl >/dev/null; then as_root systemctl --quiet disable "$unit" 2>/dev/null || true; fi
	done
	if ! have "$name"; then
		echo "install-deps: this system's packages do not have it; please install $(by_hand "$name")" >&2
		exit 1
	fi
done
