"""The texts that the installation writes: the systemd unit and the command on PATH."""

from __future__ import annotations

# No StateDirectory=: on a read-only disk systemd could not start the agent, which then told nobody why. It makes its
# folder itself.
UNIT = """\
[Unit]
Description=Ferryman agent: ships releases and keeps them serving
Documentation=man:systemd.service(5)
After=network.target docker.service
Wants=docker.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/local/bin/ferryman-agent daemon
WatchdogSec=30
Restart=always
RestartSec=1
TimeoutStartSec=10min
MemoryMax=128M
OOMScoreAdjust=-500
UMask=0077
RuntimeDirectory=ferryman
RuntimeDirectoryMode=0755
NoNewPrivileges=yes
ProtectHome=yes
ProtectSystem=full
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""

# Isolated and without site: no environment variable, user folder or package of the server can change the agent.
WRAPPER = """\
#!/bin/sh
exec /usr/bin/python3 -IS /usr/local/lib/ferryman/ferryman-agent.pyz "$@"
"""
