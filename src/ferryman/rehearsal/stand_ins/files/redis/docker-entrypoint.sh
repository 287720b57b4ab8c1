#!/bin/sh
# As the official image does: options or a .conf file alone mean redis-server, which runs as redis, owns its data folder,
# and listens to the network without a password unless it is given one.
set -e
case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "${1:-}" = redis-server ]; then
    shift
    case "${1:-}" in
        -v | --version | -h | --help) set -- redis-server "$@" ;;
        '' | -*) set -- redis-server --protected-mode no "$@" ;;
        *)
            file=$1
            shift
            set -- redis-server "$file" --protected-mode no "$@"
            ;;
    esac
    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis '{}' +
        exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
    fi
fi
exec "$@"
