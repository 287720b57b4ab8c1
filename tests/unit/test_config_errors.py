"""A broken ferryman.toml: the file, the line, the key, what is wrong, and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferryman.config import load_configuration
from ferryman.errors import ConfigurationError

APP = '[app]\nname = "shop"\nimage = "team/shop"\n'
WEB = "[app.roles.web]\n"
NAME = "lower-case letters, digits and -, beginning with a letter, at most 31 characters"
DURATION = 'a number with a unit (ms, s, m, h), such as "30s"'
MOUNT = 'an absolute path other than "/", without ".."'
CRON = 'five fields in UTC, such as "30 3 * * mon-fri", or a name such as "@daily"'
PINNED = 'an image with its tag or digest, such as "redis:7" or "redis@sha256:..."'
HOST = "[environments.production]\nhost = "

BROKEN = {
    "not TOML": (
        APP + "[app.roles.web\n",
        "ferryman.toml:4: not valid TOML: expected ']' at the end of a table declaration",
    ),
    "not TOML at its end": (APP + 'context = "service', "ferryman.toml:4: not valid TOML: unterminated string"),
    "too deep": ("a = " + "[" * 20_000, "ferryman.toml: holds too deep an array, or too long a number"),
    "an endless number": ("a = " + "1" * 5000, "ferryman.toml: holds too deep an array, or too long a number"),
    "the same key twice": (APP + 'name = "x"\n' + WEB, "ferryman.toml:4: not valid TOML: cannot overwrite a value"),
    "unknown key": (
        APP + WEB + "prot = 8000\n",
        'ferryman.toml:5: [app.roles.web] prot: unknown key; did you mean "port"? '
        "allowed: command, port, health, health_timeout, drain_timeout, stop_grace",
    ),
    "unknown section": (
        APP + WEB + "[databse]\nversion = 17\n",
        'ferryman.toml:5: [databse]: unknown section; did you mean "database"? '
        "allowed: app, database, accessories, environments, reports, cleanup, pipeline, rehearsal",
    ),
    "wrong type": (
        APP + WEB + 'port = "8000"\n',
        'ferryman.toml:5: [app.roles.web] port: "8000" is a string; allowed: an integer from 1 to 65535',
    ),
    "out of range": (
        APP + "retain = 0\n" + WEB,
        "ferryman.toml:4: [app] retain: 0 can't be used; allowed: an integer from 1 to 50",
    ),
    "missing key": (
        '[app]\nname = "shop"\n' + WEB,
        "ferryman.toml:1: [app] image: missing; "
        'allowed: a repository without a tag, such as "team/shop" (Docker Hub) or "ghcr.io/team/shop"',
    ),
    "no app": (
        "# nothing\n",
        "ferryman.toml:1: [app]: missing section; allowed: a table of name, image, context, dockerfile, platform, "
        "strategy, retain, read_only, tmpfs, roles, schedules, resources, env, volumes",
    ),
    "no web role": (
        APP + '[app.roles.worker]\ncommand = ["work"]\n',
        "ferryman.toml:4: [app.roles.web]: missing section; "
        "allowed: a table of command, port, health, health_timeout, drain_timeout, stop_grace",
    ),
    "an app name with capitals": (
        APP.replace('"shop"', '"Shop"') + WEB,
        f'ferryman.toml:2: [app] name: "Shop" can\'t be used; allowed: {NAME}',
    ),
    "a role's name": (
        APP + WEB + "[app.roles.Worker]\n",
        f"ferryman.toml:5: [app.roles.Worker]: this name can't be used; allowed: {NAME}; "
        "migrate and postgres are taken",
    ),
    "a role that is called like a container of the agent's": (
        APP + WEB + "[app.roles.migrate]\n",
        f"ferryman.toml:5: [app.roles.migrate]: this name can't be used; allowed: {NAME}; "
        "migrate and postgres are taken",
    ),
    "a schedule's fields": (
        APP + WEB + '[app.schedules.sweep]\ncron = "0 3 * *"\ncommand = ["sweep"]\n',
        'ferryman.toml:6: [app.schedules.sweep] cron: "0 3 * *" does not have the five fields minute, hour, '
        f"day of the month, month, day of the week; allowed: {CRON}",
    ),
    "a day that never comes": (
        APP + WEB + '[app.schedules.sweep]\ncommand = ["sweep"]\ncron = "0 0 31 2,4 *"\n',
        'ferryman.toml:7: [app.schedules.sweep] cron: "0 0 31 2,4 *" names a day that never comes; ' f"allowed: {CRON}",
    ),
    "a schedule without a command": (
        APP + WEB + '[app.schedules.sweep]\ncron = "@daily"\ncommand = []\n',
        "ferryman.toml:7: [app.schedules.sweep] command: is empty; "
        'allowed: a non-empty array of strings, such as ["python", "manage.py", "migrate"]',
    ),
    "a schedule that is called like a role": (
        APP + WEB + '[app.roles.sweep]\n[app.schedules.sweep]\ncron = "@daily"\ncommand = ["sweep"]\n',
        "ferryman.toml:6: [app.schedules.sweep]: this name is taken by a role [app.roles.sweep]; allowed: another name",
    ),
    "an accessory that is called like the web role": (
        APP + WEB + '[accessories.web]\nimage = "redis:7"\n',
        "ferryman.toml:5: [accessories.web]: this name is taken by the role that serves; allowed: another name",
    ),
    "an accessory that is called like a container of the agent's": (
        APP + WEB + '[accessories.postgres]\nimage = "redis:7"\n',
        f"ferryman.toml:5: [accessories.postgres]: this name can't be used; allowed: {NAME}; "
        "migrate and postgres are taken",
    ),
    "an accessory's image without a tag": (
        APP + WEB + '[accessories.redis]\nimage = "localhost:5000/redis"\n',
        'ferryman.toml:6: [accessories.redis] image: "localhost:5000/redis" names neither a tag nor a digest; '
        f"allowed: {PINNED}",
    ),
    "an accessory's image with half a digest": (
        APP + WEB + '[accessories.redis]\nimage = "redis:7@sha256:12"\n',
        'ferryman.toml:6: [accessories.redis] image: "redis:7@sha256:12" has a tag or digest that can\'t be used; '
        f"allowed: {PINNED}",
    ),
    "a domain without an edge": (
        APP + 'strategy = "recreate"\n' + WEB + HOST + '"shop.example.com"\ndomain = "${DOMAIN}"\n',
        'ferryman.toml:8: [environments.production] domain: not with [app] strategy "recreate", which publishes '
        "port 8000 without the edge; leave one of them out",
    ),
    "an unknown strategy": (
        APP + 'strategy = "canary"\n' + WEB,
        'ferryman.toml:4: [app] strategy: "canary" can\'t be used; allowed: "blue-green", "recreate"',
    ),
    "an image with a tag": (
        APP.replace("team/shop", "team/shop:latest") + WEB,
        'ferryman.toml:3: [app] image: "team/shop:latest" names a tag or digest; '
        'allowed: a repository without a tag, such as "team/shop" (Docker Hub) or "ghcr.io/team/shop"',
    ),
    "an image with capitals": (
        APP.replace("team/shop", "Team/Shop") + WEB,
        'ferryman.toml:3: [app] image: "Team/Shop" is no image name; '
        'allowed: a repository without a tag, such as "team/shop" (Docker Hub) or "ghcr.io/team/shop"',
    ),
    "a context outside": (
        APP + 'context = "../other"\n' + WEB,
        'ferryman.toml:4: [app] context: "../other" is not a plain path; '
        'allowed: a path below the folder it is in, without ".."; "." is the folder',
    ),
    "a duration without a unit": (
        APP + WEB + "stop_grace = 30\n",
        f"ferryman.toml:5: [app.roles.web] stop_grace: 30 has no unit; allowed: {DURATION}",
    ),
    "a size that is none": (
        APP + WEB + '[app.resources]\nmemory = "384 MB"\n',
        'ferryman.toml:6: [app.resources] memory: "384 MB" is not a size; '
        'allowed: a whole number with a unit (k, m, g), such as "384m", of at least 6m',
    ),
    "a health path without its slash": (
        APP + WEB + 'health = "health"\n',
        'ferryman.toml:5: [app.roles.web] health: "health" does not begin with "/"; '
        'allowed: a path that begins with "/", such as "/health/ready"',
    ),
    "a relative volume": (
        APP + WEB + '[app.volumes]\nmedia = "media"\n',
        f'ferryman.toml:6: [app.volumes] media: "media" is not absolute; allowed: {MOUNT}',
    ),
    "a volume that is two mounts": (
        APP + WEB + '[app.volumes]\nmedia = "/app/media:/etc"\n',
        f'ferryman.toml:6: [app.volumes] media: "/app/media:/etc" can\'t be used; allowed: {MOUNT}',
    ),
    "two volumes on one path": (
        APP + WEB + '[app.volumes]\nmedia = "/data"\nfiles = "/data"\n',
        'ferryman.toml:5: [app.volumes]: files and media have the same path, "/data"',
    ),
    "a value that is no string": (
        APP + WEB + "[app.env]\nvalues = { DEBUG = false }\n",
        'ferryman.toml:6: [app.env.values] DEBUG: false is a boolean; allowed: a string, such as "1"',
    ),
    "a variable's name": (
        APP + WEB + '[app.env]\nrequired = [\n  "FINE",\n  "NOT-FINE",\n]\n',
        'ferryman.toml:8: [app.env] required[1]: "NOT-FINE" can\'t be used; '
        "allowed: a variable's name: letters, digits and _, not beginning with a digit",
    ),
    "a secret in the file": (
        APP + WEB + '[app.env.values]\nSECRET_KEY = "x"\n',
        "ferryman.toml:5: [app.env.values]: SECRET_KEY is a secret: "
        "the agent makes one, and `ferryman env set` sets another",
    ),
    "no migrate command": (
        APP + WEB + "[database]\nmigrate = []\n",
        "ferryman.toml:6: [database] migrate: is empty; "
        'allowed: a non-empty array of strings, such as ["python", "manage.py", "migrate"]',
    ),
    "an ssh option as host": (
        APP + WEB + HOST + '"-oProxyCommand=x"\n',
        'ferryman.toml:6: [environments.production] host: "-oProxyCommand=x" can\'t be used; '
        "allowed: a host name or an IP address",
    ),
    "a domain for HAProxy to stumble over": (
        APP + WEB + HOST + '"a.example"\ndomain = "a.example # x"\n',
        'ferryman.toml:7: [environments.production] domain: "a.example # x" can\'t be used; '
        'allowed: a host name in lower case, such as "shop.example.com"',
    ),
    "a variable that never ends": (
        APP + WEB + HOST + '"${VPS_HOST"\n',
        'ferryman.toml:6: [environments.production] host: holds a "${" that begins no variable; '
        "allowed: ${NAME}, or $${ for a literal ${",
    ),
    "an environment called rehearsal": (
        APP + WEB + '[environments.rehearsal]\nhost = "a.example"\n',
        "ferryman.toml:5: [environments]: the environment rehearsal is made by `ferryman rehearse`; "
        "its settings stand in [rehearsal]",
    ),
    "a table where a key is meant": (
        APP + WEB + "[app.context]\nx = 1\n",
        "ferryman.toml:5: [app.context]: is a table; "
        'allowed: a path below the folder it is in, without ".."; "." is the folder',
    ),
    "a folder in memory without a unit": (
        APP + 'tmpfs = { "/tmp" = 64 }\n' + WEB,
        'ferryman.toml:4: [app.tmpfs] "/tmp": 64 has no unit; '
        'allowed: a whole number with a unit (k, m, g), such as "256m", of at least 1m',
    ),
    "a folder in memory by a relative path": (
        APP + 'tmpfs = { tmp = "64m" }\n' + WEB,
        f"ferryman.toml:4: [app.tmpfs] tmp: this name can't be used; allowed: {MOUNT}",
    ),
    "folders in memory of another form": (
        APP + 'tmpfs = "/tmp"\n' + WEB,
        'ferryman.toml:4: [app] tmpfs: "/tmp" is a string; allowed: an array of absolute paths, such as ["/tmp"], '
        'or a table of sizes, such as { "/tmp" = "256m" }',
    ),
    "folders larger than the memory that they are in": (
        APP + 'tmpfs = { "/tmp" = "400m", "/run" = "112m" }\n' + WEB,
        "ferryman.toml:4: [app.tmpfs]: 512 MiB in memory do not fit into [app.resources] memory, 512 MiB, "
        "which they count for; allowed: less than that in all",
    ),
    "no part of a database": (
        APP + WEB + '[database]\nmigrate = ["m"]\nvariables = { DB_HOST = "hostname" }\n',
        'ferryman.toml:7: [database.variables] DB_HOST: "hostname" can\'t be used; '
        'allowed: "url", "host", "port", "name", "user", "password"',
    ),
    "a variable that the agent gives anyway": (
        APP + WEB + '[database]\nmigrate = ["m"]\nvariables = { PORT = "port" }\n',
        "ferryman.toml:7: [database.variables] PORT: the agent gives PORT already; allowed: another name",
    ),
    "a variable with a value of its own": (
        APP + WEB + '[database]\nmigrate = ["m"]\nvariables = { DB_HOST = "host" }\n'
        '[app.env.values]\nDB_HOST = "db.example.com"\n',
        "ferryman.toml:7: [database.variables] DB_HOST: DB_HOST stands in [app.env.values], too; allowed: another name",
    ),
    "a variable that is asked for": (
        APP + WEB + '[app.env]\nrequired = ["KEY"]\nsecret_key = "KEY"\n',
        "ferryman.toml:7: [app.env] secret_key: KEY stands in [app.env] required, too; allowed: another name",
    ),
    "the secret key as a part of the database": (
        APP + WEB + '[app.env]\nsecret_key = "KEY"\n[database]\nmigrate = ["m"]\nvariables = { KEY = "url" }\n',
        "ferryman.toml:9: [database.variables] KEY: is [app.env] secret_key, too; allowed: another name",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_each_mistake_has_its_own_message(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ferryman.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)

    assert caught.value.message == message
    assert (caught.value.code, caught.value.exit_status) == ("configuration-invalid", 2)


def test_all_problems_are_listed_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "ferryman.toml"
    path.write_text(
        '[environments.production]\nhst = "a.example"\n[app]\nname = "shop"\n[app.roles.web]\nport = 0\n'
        '[app.roles."No Name"]\n',
        encoding="utf-8",
    )

    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)

    places = [line.split(": ")[:2] for line in caught.value.message.splitlines()]
    assert places == [
        ["ferryman.toml:1", "[environments.production] host"],
        ["ferryman.toml:2", "[environments.production] hst"],
        ["ferryman.toml:3", "[app] image"],
        ["ferryman.toml:6", "[app.roles.web] port"],
        ["ferryman.toml:7", '[app.roles."No Name"]'],
    ]


def test_a_file_that_is_not_text_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ferryman.toml"
    path.write_bytes(b'[app]\nname = "sh\xffop"\n')

    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)

    assert caught.value.message == "ferryman.toml:2: is not UTF-8 text"
