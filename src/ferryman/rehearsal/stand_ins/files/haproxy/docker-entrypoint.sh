#!/bin/sh
# As the official image does: options alone mean haproxy, and haproxy runs with a master and in the foreground.
set -e
case "${1:-}" in
    -*) set -- haproxy "$@" ;;
esac
if [ "${1:-}" = haproxy ]; then
    shift
    set -- haproxy -W -db "$@"
fi
exec "$@"
