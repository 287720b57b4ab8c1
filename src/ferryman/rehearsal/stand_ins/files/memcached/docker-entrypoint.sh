#!/bin/sh
# As the official image does: options alone mean memcached.
set -e
case "${1:-}" in
    -*) set -- memcached "$@" ;;
esac
exec "$@"
