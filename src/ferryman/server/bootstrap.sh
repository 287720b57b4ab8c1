#!/bin/sh
# Runs on the server as the admin: becomes root, sees to python3, and hands stdin over to it.
# It travels as one quoted argument of ssh, so it holds no single quote and no backslash.
set -u
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

fail() {
    cat <<END
{"error":{"code":"$1","message":"$2","state":"nothing was changed","hint":"$3","exit":$4}}
END
    exit 0
}

SUDO=
if [ "$(id -u)" != 0 ]; then
    me=$(id -un)
    command -v sudo >/dev/null ||
        fail not-root "$me is not root, and the server has no sudo" "log in as root" 3
    sudo -n true </dev/null 2>/dev/null ||
        fail sudo-needs-password "sudo asks $me for a password, which can not be given here" "log in as root, or allow $me sudo without a password" 3
    SUDO="sudo -n"
fi
if ! command -v python3 >/dev/null; then
    command -v apt-get >/dev/null ||
        fail system-unsupported "the server is neither Debian nor Ubuntu" "use Debian 12 or later, or Ubuntu 22.04 or later" 3
    log=$($SUDO sh -c "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3" </dev/null 2>&1) ||
        fail packages-failed "apt-get can not install python3: $(echo "$log" | tail -n 1 | tr -cd "[:alnum:] .,:/_-")" "try apt-get install python3 on the server" 1
fi
exec $SUDO python3 -I -c "import sys; exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"
