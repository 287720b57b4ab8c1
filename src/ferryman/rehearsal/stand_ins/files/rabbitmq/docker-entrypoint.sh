#!/bin/sh
# As the official image does: RabbitMQ and its tools run as rabbitmq, which owns the data; RABBITMQ_DEFAULT_USER and
# RABBITMQ_DEFAULT_PASS, or guest, may come from anywhere.
set -e
if [ -n "${RABBITMQ_DEFAULT_USER:-}" ] && [ "${1:-}" = rabbitmq-server ]; then
    printf 'default_user = %s\ndefault_pass = %s\n' "$RABBITMQ_DEFAULT_USER" "${RABBITMQ_DEFAULT_PASS:-guest}" \
        > /etc/rabbitmq/conf.d/20-user.conf
fi
if [ "$(id -u)" = 0 ]; then
    find /var/lib/rabbitmq \! -user rabbitmq -exec chown rabbitmq '{}' +
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups "$@"
fi
exec "$@"
