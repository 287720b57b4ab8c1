#!/bin/sh
# As the official image does: a configuration file alone means `registry serve` with it.
set -e
case "${1:-}" in
    *.yaml | *.yml) set -- registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
