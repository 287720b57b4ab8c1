"""ferryman.toml: what is read, resolved, and sent to the agent."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from pathlib import Path

import jsonschema
import pytest

from ferryman.config import load_configuration, manifest, resolve_environment, set_host_key
from ferryman.config.positions import key_lines
from ferryman.config.schema import schema_text
from ferryman.errors import ConfigurationError, UsageError
from ferryman.image.migrations import placeholders
from ferryman_agent.containers import variables
from ferryman_agent.ledger import App, Release, ReleaseState
from ferryman_agent.manifest import parse_manifest

DOCS = Path(__file__).parents[2] / "docs"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

EXAMPLE = """\
[app]
name = "harbour"
image = "ferryman/harbour"        # Docker Hub, unless it names another registry
context = "service"
[app.roles.web]
port = 8000
health = "/health/ready"
[app.resources]
memory = "384m"
cpus = 1.0
[app.volumes]
media = "/app/media"
[database]
version = 17
migrate = ["python", "manage.py", "migrate", "--noinput"]
[environments.production]
host = "${VPS_HOST}"
user = "${VPS_USERNAME}"
host_key = "ssh-ed25519 AAAA…"    # written by `ferryman server setup`
domain = "harbour.example.com"
"""
MINIMAL = """\
[app]
name = "shop"
image = "ghcr.io/team/shop"
[app.roles.web]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "ferryman.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_loaded_though_its_variables_are_not_set(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, EXAMPLE))

    assert configuration.app.name == "harbour"
    assert configuration.app.roles.web.health == "/health/ready"
    assert configuration.app.resources.memory == 384 * 1024 * 1024
    assert configuration.environments["production"].host == "${VPS_HOST}"
    assert configuration.root == tmp_path


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, MINIMAL))

    assert manifest(configuration, "production", None) == {
        "app": "shop",
        "environment": "production",
        "domain": None,
        "host": "127.0.0.1",
        "image": "ghcr.io/team/shop",
        "strategy": "blue-green",
        "roles": {
            "web": {
                "command": [],
                "port": 8000,
                "health": "/",
                "health_timeout": 60.0,
                "drain_timeout": 30.0,
                "stop_grace": 30.0,
            }
        },
        "schedules": {},
        "accessories": {},
        "resources": {"memory": 536870912, "cpus": 1.0, "pids": 512},
        "read_only": True,
        "tmpfs": ["/tmp"],
        "volumes": {},
        "env": {"required": [], "values": {}},
        "database": None,
        "retain": 5,
    }


def test_the_manifest_is_plain_json_with_seconds_and_bytes(tmp_path: Path) -> None:
    text = EXAMPLE.replace("AAAA…", HOST_KEY.split()[1]) + (
        '[app.roles.worker]\ncommand = ["python", "worker.py"]\nstop_grace = "1.5m"\n'
        '[app.env]\nrequired = ["STRIPE_KEY"]\nvalues = { DEBUG = "0" }\n'
    )
    configuration = load_configuration(write(tmp_path, text))
    environment = resolve_environment(configuration, "production", {"VPS_HOST": "203.0.113.7", "VPS_USERNAME": "root"})

    result = manifest(configuration, "production", environment)

    assert json.loads(json.dumps(result)) == result
    assert (result["host"], result["domain"]) == ("203.0.113.7", "harbour.example.com")
    assert result["roles"]["worker"] == {"command": ["python", "worker.py"], "stop_grace": 90.0, "overlap": False}
    assert list(result["roles"]) == ["web", "worker"]
    assert result["env"] == {"required": ["STRIPE_KEY"], "values": {"DEBUG": "0"}}
    assert result["database"] == {
        "version": 17,
        "migrate": ["python", "manage.py", "migrate", "--noinput"],
        "migrate_timeout": 600.0,
    }


def test_names_of_the_projects_own_travel_only_where_there_are_some(tmp_path: Path) -> None:
    text = MINIMAL + '[app.env]\nsecret_key = "DJANGO_SECRET_KEY"\n[database]\nmigrate = ["m"]\n'
    text += 'variables = { DB_HOST = "host", DB_URL = "url" }\n'
    configuration = load_configuration(write(tmp_path, text))

    told = manifest(configuration, "production", None)

    assert told["env"]["secret_key"] == "DJANGO_SECRET_KEY"
    assert told["database"]["variables"] == {"DB_HOST": "host", "DB_URL": "url"}
    parsed = parse_manifest(json.loads(json.dumps(told)))
    assert parsed.database is not None
    assert (parsed.secret_key, parsed.database.variables["DB_URL"]) == ("DJANGO_SECRET_KEY", "url")
    assert placeholders(configuration) == {
        "DJANGO_SECRET_KEY": "only-to-read-the-migrations",
        "DB_HOST": "127.0.0.1",
        "DB_URL": "postgresql://nobody:nobody@127.0.0.1:5432/nothing",
    }


def test_folders_in_memory_are_told_as_they_are_written(tmp_path: Path) -> None:
    text = MINIMAL + '[app.tmpfs]\n"/tmp" = "256m"\n'
    told = manifest(load_configuration(write(tmp_path, text)), "production", None)
    assert told["tmpfs"] == {"/tmp": 256 << 20}
    assert parse_manifest(told).tmpfs == {"/tmp": 256 << 20}


def test_schedules_and_accessories_are_told_with_their_defaults(tmp_path: Path) -> None:
    text = MINIMAL + (
        '[app.schedules.sweep]\ncron = "*/5 * * * *"\ncommand = ["sweep"]\ntime_limit = "90s"\n'
        f'[accessories.redis]\nimage = "redis:7@sha256:{"0" * 64}"\nvolumes = {{ data = "/data" }}\n'
        'env = { values = { A = "1" }, secrets = ["PASSWORD"] }\n'
    )
    told = manifest(load_configuration(write(tmp_path, text)), "production", None)

    assert json.loads(json.dumps(told)) == told
    assert told["schedules"] == {
        "sweep": {"cron": "*/5 * * * *", "command": ["sweep"], "time_limit": 90.0, "stop_grace": 30.0}
    }
    assert told["accessories"] == {
        "redis": {
            "image": f"redis:7@sha256:{'0' * 64}",
            "command": [],
            "health": [],
            "stop_grace": 30.0,
            "env": {"values": {"A": "1"}, "secrets": ["PASSWORD"]},
            "volumes": {"data": "/data"},
            "resources": {"memory": 536870912, "cpus": 1.0, "pids": 512},
        }
    }
    parsed = parse_manifest(told)
    assert parsed.schedules["sweep"].time_limit == 90.0
    assert parsed.accessories["redis"].image == f"redis@sha256:{'0' * 64}"


def test_the_rehearsal_has_its_own_variables_and_no_domain(tmp_path: Path) -> None:
    text = EXAMPLE + '[app.env.values]\nMODE = "plain"\nKEPT = "1"\n[rehearsal.env]\nMODE = "rehearsal"\n'
    configuration = load_configuration(write(tmp_path, text))

    result = manifest(configuration, "rehearsal", None)

    assert result["env"]["values"] == {"MODE": "rehearsal", "KEPT": "1"}
    assert result["domain"] is None


def test_the_rehearsal_gives_the_same_variables_as_a_server(tmp_path: Path) -> None:
    text = EXAMPLE.replace("AAAA…", HOST_KEY.split()[1])
    configuration = load_configuration(write(tmp_path, text))
    environment = resolve_environment(configuration, "production", {"VPS_HOST": "203.0.113.7", "VPS_USERNAME": "root"})
    app = App("harbour.production", "harbour", "production", 1, 7, 1, "a", "", None, None)
    release = Release(app.id, 1, "ferryman/harbour", "", "", {}, 0, None, ReleaseState.HEALTHY, "")

    given = {}
    for name, section in (("rehearsal", None), ("production", environment)):
        parsed = parse_manifest(manifest(configuration, name, section))
        given[name] = dict(line.split("=", 1) for line in variables(app, parsed, release, {}, {}))

    assert given["rehearsal"].keys() == given["production"].keys()
    assert given["rehearsal"]["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"
    assert given["rehearsal"]["CSRF_TRUSTED_ORIGINS"] == "http://127.0.0.1:8000"
    assert given["production"]["CSRF_TRUSTED_ORIGINS"].split(",")[0] == "http://harbour.example.com"


TWO_ENVIRONMENTS = (
    MINIMAL
    + '[environments.production]\nhost = "${VPS_HOST}"\nuser = "${VPS_USERNAME}"\nport = "${VPS_PORT}"\n'
    + '[environments.staging]\nhost = "staging.example.com"\nuser = "ship"\nidentity = "keys/staging"\n'
)


def test_only_the_environment_in_use_needs_its_variables(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, TWO_ENVIRONMENTS))

    staging = resolve_environment(configuration, "staging", {})

    assert (staging.name, staging.host, staging.user, staging.port) == ("staging", "staging.example.com", "ship", 22)
    assert staging.identity == str(tmp_path / "keys/staging")


def test_a_variable_may_hold_a_port(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, TWO_ENVIRONMENTS))
    variables = {"VPS_HOST": "203.0.113.7", "VPS_USERNAME": "root", "VPS_PORT": "2222"}

    assert resolve_environment(configuration, "production", variables).port == 2222


def test_all_missing_variables_are_listed_and_an_empty_one_is_missing(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, TWO_ENVIRONMENTS))

    with pytest.raises(ConfigurationError) as caught:
        resolve_environment(configuration, "production", {"VPS_PORT": "22", "VPS_USERNAME": ""})

    assert caught.value.code == "variable-missing"
    assert caught.value.exit_status == 2
    assert caught.value.message == (
        "ferryman.toml:6: [environments.production] host: "
        "the variable VPS_HOST is not set or is empty; set it, or write the value here\n"
        "ferryman.toml:7: [environments.production] user: "
        "the variable VPS_USERNAME is not set or is empty; set it, or write the value here"
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"VPS_HOST": "-oProxyCommand=reboot", "VPS_USERNAME": "root", "VPS_PORT": "22"},
            'ferryman.toml:6: [environments.production] host: "-oProxyCommand=reboot" can\'t be used; '
            "allowed: a host name or an IP address",
        ),
        (
            {"VPS_HOST": "a.example", "VPS_USERNAME": "-lroot", "VPS_PORT": "22"},
            'ferryman.toml:7: [environments.production] user: "-lroot" can\'t be used; '
            "allowed: a user name: letters, digits, _, . and -, beginning with a letter or _",
        ),
        (
            {"VPS_HOST": "a.example", "VPS_USERNAME": "root", "VPS_PORT": "ssh"},
            'ferryman.toml:8: [environments.production] port: "ssh" is a string; '
            "allowed: an integer from 1 to 65535, or a variable that holds one",
        ),
    ],
)
def test_what_a_variable_holds_is_checked_like_what_is_written(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    configuration = load_configuration(write(tmp_path, TWO_ENVIRONMENTS))

    with pytest.raises(ConfigurationError) as caught:
        resolve_environment(configuration, "production", variables)

    assert caught.value.message == message


def test_a_doubled_dollar_is_no_variable(tmp_path: Path) -> None:
    text = MINIMAL + '[environments.production]\nhost = "a.example"\nidentity = "/keys/$${NAME}"\n'
    configuration = load_configuration(write(tmp_path, text))

    assert resolve_environment(configuration, "production", {}).identity == "/keys/${NAME}"


def test_a_host_key_that_is_cut_off_is_refused_on_use(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, EXAMPLE))

    with pytest.raises(ConfigurationError, match="is not a whole public key"):
        resolve_environment(configuration, "production", {"VPS_HOST": "203.0.113.7", "VPS_USERNAME": "root"})


def test_an_unknown_environment_lists_those_there_are(tmp_path: Path) -> None:
    configuration = load_configuration(write(tmp_path, TWO_ENVIRONMENTS))

    with pytest.raises(UsageError) as caught:
        resolve_environment(configuration, "prod", {})

    assert caught.value.code == "unknown-environment"
    assert caught.value.message == 'ferryman.toml has no environment "prod"'
    assert caught.value.hint == "choose one of: production, staging"


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(tmp_path / "ferryman.toml")

    assert caught.value.code == "configuration-missing"
    assert "ferryman init" in caught.value.hint


def test_a_host_key_is_written_and_all_else_stays(tmp_path: Path) -> None:
    path = write(tmp_path, EXAMPLE)
    path.chmod(0o640)

    assert set_host_key(path, "production", HOST_KEY) is True

    old, new = EXAMPLE.splitlines(), path.read_text(encoding="utf-8").splitlines()
    changed = [(before, after) for before, after in zip(old, new, strict=True) if before != after]
    assert changed == [(old[18], f'host_key = "{HOST_KEY}"    # written by `ferryman server setup`')]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["ferryman.toml"]
    assert set_host_key(path, "production", HOST_KEY) is False


def test_a_first_host_key_joins_its_section(tmp_path: Path) -> None:
    path = write(tmp_path, TWO_ENVIRONMENTS)

    set_host_key(path, "production", HOST_KEY)

    tables = tomllib.loads(path.read_text(encoding="utf-8"))["environments"]
    assert tables["production"]["host_key"] == HOST_KEY
    assert "host_key" not in tables["staging"]


def test_a_host_key_for_an_unknown_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        set_host_key(write(tmp_path, EXAMPLE), "staging", HOST_KEY)


def test_lines_are_found_in_every_form_of_toml() -> None:
    text = (
        "# a = 1\n"
        'top.sub."quoted key" = 1\n'
        'long = """\n[no.header]\n"quoted" \\""" x"""\n'
        "[a . b]\n"
        "inline = { x = 1, y.z = [1,\n  2, # ]\n  { deep = '}' } ] }\n"
        "[[list]]\n"
        "name = 1\n"
        "[[list]]\n"
        "name = 2\n"
        "[list.sub]\n"
        "k = 1979-05-27 07:32:00\n"
    )
    assert tomllib.loads(text)["a"]["b"]["inline"]["y"]["z"][1] == 2

    lines = key_lines(text)

    assert lines["top", "sub", "quoted key"] == 2
    assert lines["long",] == 3
    assert ("no", "header") not in lines
    assert lines["a", "b"] == 6
    assert lines["a", "b", "inline", "y", "z", 1] == 8
    assert lines["a", "b", "inline", "y", "z", 2, "deep"] == 9
    assert lines["list", 0, "name"] == 11
    assert lines["list", 1, "name"] == 13
    assert lines["list", 1, "sub", "k"] == 15


def test_the_published_schema_is_current() -> None:
    assert (DOCS / "ferryman.schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_example_fits_the_published_schema_and_a_typing_mistake_does_not() -> None:
    schema = json.loads((DOCS / "ferryman.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    validator.validate(tomllib.loads(EXAMPLE))
    schedule = '[app.schedules.sweep]\ncommand = ["sweep"]\ncron = "{}"\n'
    for cron, fits in (("30 3 * * mon-fri", True), ("@daily", True), ("30 3 *", False)):
        assert validator.is_valid(tomllib.loads(EXAMPLE + schedule.format(cron))) is fits
    assert not validator.is_valid(tomllib.loads(EXAMPLE.replace("health =", "heath =")))


def schema_keys() -> list[str]:
    schema = json.loads(schema_text())
    sections = [schema, *schema["$defs"].values()]
    return sorted({key for section in sections for key in section["properties"]})


@pytest.mark.parametrize("key", schema_keys())
def test_every_key_is_documented(key: str) -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert re.search(rf"`{key}`|[\[.]{key}[\].]", page)
