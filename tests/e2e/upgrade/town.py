"""A server that an earlier version set up, and the apps that it deployed there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import FERRYMAN, Call
from shop import Prepared, Settings, Shop, make_shop, prepare

from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from upgrade.earlier import Earlier

STATE = "/var/lib/ferryman"
# What `status` says that a restart, a rebuild or another version may change.
PASSING = ("latest_differs", "outbox", "duties", "notices")


@dataclass
class Town:
    """The server with its apps, by name; their command is the earlier one until `move_on`."""

    earlier: Earlier
    prepared: Prepared
    shops: dict[str, Shop]

    @property
    def server(self) -> Machine:
        """The server."""
        return self.prepared.server

    @property
    def serving(self) -> list[Shop]:
        """The apps that are not stopped."""
        return [shop for name, shop in self.shops.items() if name != "closed"]

    def use(self, program: Path) -> None:
        """Have all people use this command from now on."""
        for shop in self.shops.values():
            shop.program = program

    def set_up(self) -> Call:
        """`server setup` with this version."""
        self.use(FERRYMAN)
        shop = next(iter(self.shops.values()))
        identity = ["--identity", str(self.server.state.identity)]
        return shop.ferryman("server", "setup", "--to", "production", *identity)

    def on_server(self, script: str) -> str:
        """What a script wrote there."""
        return self.server.run(["sh", "-ec", script])


def make_town(
    earlier: Earlier, server: Machine, registry: LocalRegistry, names: tuple[str, ...], folder: Callable[[str], Path]
) -> Town:
    """Set the server up and deploy the named apps, all with the earlier version."""
    town = Town(earlier, prepare(server, registry, folder("setup"), earlier.program), {})
    for name in names:
        domain = None if name == "kiosk" else f"{name}.test"
        town.shops[name] = make_shop(town.prepared, folder(name), name, domain)
        town.use(earlier.program)
        APPS[name](town.shops[name])
    return town


def deploy_market(shop: Shop) -> None:
    """Blue-green, with all that an app can have; uploads in a volume, release 1 to go back to, release 2 serves."""
    shop.commit(word="cache")
    shop.ferryman("build").succeeded()

    def parts(settings: Settings) -> None:
        settings["database"] = {"version": 17, "migrate": ["migrate"]}
        settings["app"] |= {"volumes": {"media": "/app/media"}, "env": {"required": ["TOKEN"]}}
        settings["app"]["roles"]["worker"] = {"command": ["worker"], "stop_grace": "1s"}
        settings["app"]["schedules"] = {"sweep": {"cron": "@yearly", "command": ["sweep"]}}
        image = f"{shop.image}:{shop.git('rev-parse', 'HEAD')}"
        settings["accessories"] = {"cache": {"image": image, "stop_grace": "1s", "volumes": {"data": "/data"}}}

    shop.configure(parts)
    shop.ferryman("env", "set", "TOKEN", stdin=b"geheim").succeeded()
    shop.deploy(word="market one", migrations=["shop.0001_initial"])
    shop.ferryman("exec", "--", "sh", "-c", "echo picture > /app/media/upload").succeeded()
    shop.ferryman("exec", "--role", "cache", "--", "sh", "-c", "echo entry > /data/entry").succeeded()
    shop.ferryman("run", "sweep").succeeded()
    shop.deploy(word="market two", migrations=["shop.0001_initial"])


def deploy_kiosk(shop: Shop) -> None:
    """`recreate`, on port 8000."""
    shop.configure(lambda settings: settings["app"].update(strategy="recreate"))
    shop.deploy(word="kiosk one")
    shop.deploy(word="kiosk two")


def deploy_closed(shop: Shop) -> None:
    """Stopped."""
    shop.deploy(word="closed one")
    shop.deploy(word="closed two")
    shop.ferryman("stop").succeeded()


APPS: dict[str, Callable[[Shop], None]] = {"market": deploy_market, "kiosk": deploy_kiosk, "closed": deploy_closed}


def told(shop: Shop) -> dict[str, Any]:
    """What `status` says and must go on saying."""
    return {key: value for key, value in shop.status().items() if key not in PASSING}


def ids(shop: Shop) -> dict[str, str]:
    """Each of its containers."""
    return {name: str(shop.inspect(name)["Id"]) for name in shop.containers()}


def labels_of_volume(shop: Shop, volume: str) -> dict[str, str]:
    """The labels of one of its volumes."""
    command = ["docker", "volume", "inspect", "--format", "{{json .Labels}}", f"ferryman.{shop.id}.{volume}"]
    return dict(json.loads(shop.prepared.server.run(command)) or {})


def remains(shop: Shop) -> list[str]:
    """All that the server has of an app, found by its name alone: labels may be missing."""
    listed = {
        "container": "docker ps --all --format '{{.Names}}'",
        "volume": "docker volume ls --quiet",
        "network": "docker network ls --format '{{.Name}}'",
        # an accessory's image has a tag, and stays
        "image": "docker images --format '{{.Repository}} {{.Tag}}' | grep -F '<none>' || true",
        "file": f"find {STATE} -path '{STATE}/ledger.db*' -prune -o -print",
    }
    named = (shop.id, shop.image)
    return [
        f"{kind} {line}"
        for kind, script in listed.items()
        for line in shop.prepared.server.run(["sh", "-ec", script]).splitlines()
        if any(name in line for name in named)
    ]
