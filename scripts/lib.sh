# shellcheck shell=bash
# What the scripts share; sourced, never run.  A script that calls workdir
# gets a directory of its own under /tmp that goes away with the script: the
# copy of the tree, the installed extension and the cluster all live there, so
# nothing is written into the repository, into the system or into a cluster
# that exists, and any number of scripts can run at once.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
jobs=$(nproc 2>/dev/null || echo 2)

# What a calling make or an interactive shell has set is not for our children:
# they make their own connections and their own make runs.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR CDPATH
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE \
	PGSERVICE PGSERVICEFILE PGOPTIONS PGSSLMODE PGCLIENTENCODING PGDATA \
	PGTZ PGDATESTYLE PGAPPNAME PGREQUIRESSL PGTARGETSESSIONATTRS

say() { printf '\n== %s\n' "$*"; }

die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Run a command as the user that owns clusters: initdb and postgres refuse to
# run as root.  runuser starts a PAM session, which puts the soft limit of
# open files back to 1024; a server that many tests connect to wants more.
as_server()
{
	if [ "$(id -u)" != 0 ]; then
		"$@"
	else
		runuser -u postgres -- sh -c '
			hard=$(ulimit -H -n)
			case $hard in
				unlimited) hard=65536 ;;
				*) [ "$hard" -le 65536 ] || hard=65536 ;;
			esac
			ulimit -S -n "$hard"
			HOME=$0; export HOME
			exec "$@"' "$work" "$@"
	fi
}

# Make $work.  Sockets live in it, and their paths are limited to about 100
# bytes, so it is under /tmp whatever TMPDIR says.
workdir()
{
	[ "$(id -u)" != 0 ] || id postgres >/dev/null 2>&1 ||
		die 'as root, clusters run as user "postgres", which does not exist: run make deps'
	work=$(mktemp -d /tmp/filteropt.XXXXXX)
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$work/tmp"
	export TMPDIR=$work/tmp
	cd "$work"
	give_to_server "$work"
}

give_to_server() { [ "$(id -u)" != 0 ] || chown -R postgres: "$@"; }

cleanup()
{
	local status=$?
	trap - EXIT INT TERM HUP
	cd /
	cluster_stop || true
	if [ -n "${KEEP_WORK:-}" ]; then
		printf 'kept: %s\n' "$work" >&2
	else
		rm -rf "$work"
	fi
	exit "$status"
}

# Copy the tree's sources, without what was built in it, to $work/tree.  tar
# reports a file that changed meanwhile by 1: an editor at work is no error.
copy_tree()
{
	mkdir -p "$work/tree"
	tar -C "$root" --exclude-vcs --exclude='*.o' --exclude='*.d' \
		--exclude='*.so' --exclude='*.bc' --exclude=node_modules \
		--exclude=./.buildflags --exclude=./build --exclude=./stage \
		--exclude=./results --exclude=./output_iso --exclude=./tmp_check \
		--exclude=./log --warning=no-file-changed --warning=no-file-removed \
		-cf - . >"$work/tree.tar" || [ $? -eq 1 ]
	tar -C "$work/tree" --no-same-owner -xf "$work/tree.tar"
	rm "$work/tree.tar"
}

# Build $work/tree, warnings being errors, and install it for private use.
# Debian's servers find an extension under extension_destdir; any other is
# copied whole, as an installation of PostgreSQL can be moved.  What a calling
# script has built already, in STAGED, is copied instead.
stage()
{
	if [ -n "${STAGED:-}" ]; then
		stage_copy
	else
		copy_tree
		stage_build
	fi
	server_conf >"$work/server.conf"
	give_to_server "$work"
}

stage_copy()
{
	cp -a "$STAGED/tree" "$work"
	stagedir=
	if [ -e "$STAGED/stage" ]; then
		stagedir=$work/stage
		cp -a "$STAGED/stage" "$work"
	else
		cp -a "$STAGED/pgsql" "$work"
		PG_CONFIG=$work/pgsql/bin/pg_config
	fi
	export PG_CONFIG
	bindir=$("$PG_CONFIG" --bindir)
}

stage_build()
{
	local prefix destdir=()
	bindir=$("$PG_CONFIG" --bindir)
	if grep -q '^extension_destdir' < <("$bindir/postgres" --describe-config); then
		stagedir=$work/stage
		destdir=("DESTDIR=$stagedir")
	else
		stagedir=
		prefix=$(dirname "$bindir")
		[ "$("$PG_CONFIG" --sharedir)" = "$prefix/share" ] ||
			[ "$("$PG_CONFIG" --sharedir)" = "$prefix/share/postgresql" ] ||
			die "the server in $bindir has no extension_destdir and cannot be copied: use make install and make installcheck"
		cp -a "$prefix" "$work/pgsql"
		PG_CONFIG=$work/pgsql/bin/pg_config
		bindir=$work/pgsql/bin
	fi
	export PG_CONFIG
	make -C "$work/tree" -s -j"$jobs" WERROR="${WERROR-1}" \
		EXTRA_CFLAGS="${EXTRA_CFLAGS:-}" "PG_CONFIG=$PG_CONFIG" all
	make -C "$work/tree" -s WERROR="${WERROR-1}" EXTRA_CFLAGS="${EXTRA_CFLAGS:-}" \
		"PG_CONFIG=$PG_CONFIG" "${destdir[@]}" install
}

# Settings of every private server.
server_conf()
{
	[ -z "$stagedir" ] || printf "extension_destdir = '%s'\n" "$stagedir"
}

# Start a private cluster on a socket in $work and let PG* name it.  Each
# argument is a line for postgresql.conf; the argument "tcp" makes it listen
# on a free port of 127.0.0.1 too.
cluster_start()
{
	local tcp='' line try
	cluster=$work/cluster
	mkdir "$cluster"
	give_to_server "$cluster"
	as_server "$bindir/initdb" -D "$cluster/data" -U postgres -A trust -E UTF8 \
		--locale=C.UTF-8 --no-sync >"$cluster/initdb.log" 2>&1 ||
		{ cat "$cluster/initdb.log" >&2; die 'initdb failed'; }
	{
		cat "$work/server.conf"
		printf "unix_socket_directories = '%s'\n" "$cluster"
		for line; do
			if [ "$line" = tcp ]; then tcp=1; else printf '%s\n' "$line"; fi
		done
	} >>"$cluster/data/postgresql.conf"

	# Whether a port is free is only known by taking it: try some.
	for try in 1 2 3 4 5 6 7 8; do
		PGPORT=$((tcp ? RANDOM % 16384 + 49152 : 5432))
		if as_server "$bindir/pg_ctl" -D "$cluster/data" -l "$cluster/log" -w -s \
			-o "-p $PGPORT -h '${tcp:+127.0.0.1}'" start >"$cluster/start.log" 2>&1; then
			break
		fi
		if [ -z "$tcp" ] || [ "$try" = 8 ]; then
			cat "$cluster/start.log" "$cluster/log" >&2
			die 'the private server did not start'
		fi
	done
	export PGHOST=$cluster PGPORT PGUSER=postgres PGDATABASE=postgres
	export PATH="$bindir:$PATH"
}

cluster_stop()
{
	[ -n "${cluster:-}" ] && [ -e "$cluster/data/postmaster.pid" ] || return 0
	as_server "$bindir/pg_ctl" -D "$cluster/data" -m immediate -s stop
	rm -rf "$cluster"
	cluster=
}
