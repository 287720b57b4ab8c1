#!/bin/bash
# The contract of the official postgres image, as far as Ferryman and its users' projects use it:
# 1. VARIABLE or VARIABLE_FILE for user, password, database, initdb arguments and host authentication
# 2. as root: own the data folder, then go on as postgres
# 3. an empty data folder: initdb, database, /docker-entrypoint-initdb.d/*.sql and *.sh, with no network open
# 4. run postgres with the arguments given
set -Eeuo pipefail

from_file() {
    local name=$1 file=$1_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        echo "error: both $name and $file are set" >&2
        exit 1
    fi
    if [ -n "${!file:-}" ]; then
        export "$name"="$(< "${!file}")"
    fi
    unset "$file"
}

own_folders() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 0700 "$PGDATA"
    find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
    chown postgres /var/run/postgresql || true
}

initialise() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        exit 1
    fi
    local arguments=()
    read -ra arguments <<< "$POSTGRES_INITDB_ARGS"
    if [ -n "$POSTGRES_PASSWORD" ]; then
        initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}"
    else
        initdb --username="$POSTGRES_USER" "${arguments[@]}"
    fi
    printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >> "$PGDATA/pg_hba.conf"
}

run_sql() {
    psql --variable=ON_ERROR_STOP=1 --no-password --no-psqlrc --username "$POSTGRES_USER" "$@"
}

set_up_database() {
    PGUSER=$POSTGRES_USER pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
    if [ "$POSTGRES_DB" != postgres ]; then
        run_sql --dbname postgres --set db="$POSTGRES_DB" <<< 'CREATE DATABASE :"db";'
    fi
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) run_sql --dbname "$POSTGRES_DB" --file "$file" ;;
            *.sh) bash "$file" ;;
        esac
    done
    pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "${1:-}" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        own_folders
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
    fi
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER
    from_file POSTGRES_DB
    from_file POSTGRES_INITDB_ARGS
    POSTGRES_PASSWORD=${POSTGRES_PASSWORD:-} POSTGRES_INITDB_ARGS=${POSTGRES_INITDB_ARGS:-}
    export POSTGRES_USER="${POSTGRES_USER:-postgres}"
    export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
    POSTGRES_HOST_AUTH_METHOD=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        initialise
        set_up_database
    fi
fi
exec "$@"
