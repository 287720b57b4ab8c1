"""One app from its first deploy on: releases, rollbacks, plans, what is read, variables, volumes, fences, retention."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from shop import Shop

RETAIN = 2


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app with a database, a worker and a volume, alone on port 8000, which has had its first deploy."""
    made = new_shop("shop")

    def parts(settings: dict[str, dict[str, object]]) -> None:
        settings["database"] = {"version": 17, "migrate": ["migrate"], "variables": {"DB_HOST": "host"}}
        settings["app"] |= {"retain": RETAIN, "volumes": {"media": "/app/media"}, "tmpfs": {"/tmp": "8m"}}
        settings["app"]["resources"] = {"memory": "96m", "cpus": 0.5, "pids": 64}
        settings["app"]["roles"] |= {"worker": {"command": ["worker"], "stop_grace": "1s"}}  # type: ignore[operator]

    made.configure(parts)
    made.commit(word="first", migrations=["shop.0001_initial"])
    refused = made.ferryman("rollback").ended_with(3, "[unknown-app]")
    assert "Traceback" not in refused.told
    call = made.ferryman("deploy").succeeded("release 1", "serves")
    steps = {name: state for name, (state, _) in call.steps().items()}
    assert steps["pull"] == steps["database"] == steps["healthy"] == steps["commit"] == "done"
    assert made.word() == "first"
    return made


def test_rollback_without_an_earlier_release_is_refused(shop: Shop) -> None:
    shop.ferryman("rollback").ended_with(3, "[no-earlier-release]", "none", "release 1 goes on serving")
    assert shop.serving() == 1


def test_a_word_changes_and_comes_back(shop: Shop) -> None:
    sha = shop.commit(word="second")
    call = shop.ferryman("deploy").succeeded("release 2", sha[:7])
    assert call.steps()["database"][0] == "skipped"
    assert shop.word() == "second"
    shop.ferryman("rollback").succeeded("release 1")
    assert (shop.word(), shop.serving()) == ("first", 1)
    shop.ferryman("rollback", "2").succeeded("release 2")
    assert (shop.word(), shop.serving()) == ("second", 2)


def test_deploying_what_serves_changes_nothing(shop: Shop) -> None:
    before = {name: shop.inspect(name)["State"]["Pid"] for name in shop.containers()}
    shop.ferryman("deploy").succeeded("unchanged: release 2")
    assert {name: shop.inspect(name)["State"]["Pid"] for name in shop.containers()} == before
    assert shop.ferryman("deploy", "--json").json()["outcome"] == "unchanged"


def test_an_empty_commit_is_a_new_release(shop: Shop) -> None:
    shop.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
    shop.ferryman("deploy").succeeded("release 3", shop.git("rev-parse", "HEAD")[:7])
    assert (shop.word(), shop.serving()) == ("second", 3)


def test_what_lies_beyond_retention_is_gone(shop: Shop) -> None:
    listed = shop.ferryman("releases", "--json").json()["releases"]
    assert [(r["number"], r["state"], r["serving"]) for r in listed] == [
        (3, "healthy", True),
        (2, "healthy", False),
        (1, "pruned", False),
    ]
    images = shop.prepared.server.run(["docker", "images", "--digests", "--format", "{{.Digest}}", shop.image]).split()
    assert sorted(images) == sorted(r["digest"] for r in listed if r["state"] == "healthy")
    gone = shop.ferryman("rollback", "1").ended_with(3, "[unknown-release]", f"2 ({listed[1]['revision'][:7]})")
    assert "release 3 goes on serving" in gone.told


@pytest.mark.parametrize("number", ["99", "3"])
def test_rollback_to_what_can_not_be_chosen_is_refused(shop: Shop, number: str) -> None:
    code = {"99": "unknown-release", "3": "already-serving"}[number]
    found = shop.ferryman("rollback", number, "--json").ended_with(3)
    error = json.loads(found.stderr.text.splitlines()[-1])["error"]
    assert (error["code"], error["exit"]) == (code, 3)
    assert shop.serving() == 3


def test_a_plan_tells_and_changes_nothing(shop: Shop) -> None:
    sha = shop.commit(word="planned")
    before = (shop.containers(), shop.ferryman("releases").stdout.text, shop.ferryman("deployments").stdout.text)
    shop.ferryman("plan", "deploy").succeeded("release 3", f"would go to release 4 ({sha[:7]})", "build", "switch")
    steps = shop.ferryman("plan", "rollback", "--json").json()
    assert (steps["serving"]["number"], steps["release"]["number"], steps["unchanged"]) == (3, 2, False)
    assert [step["step"] for step in steps["steps"]][:5] == ["preflight", "room", "pull", "volumes", "database"]
    shop.ferryman("plan", "rollback", "99").ended_with(3, "[unknown-release]")
    shop.ferryman("plan", "deploy", "--revision", "HEAD~1").succeeded("nothing to do")
    after = (shop.containers(), shop.ferryman("releases").stdout.text, shop.ferryman("deployments").stdout.text)
    assert after == before


def test_status_tells_what_serves(shop: Shop) -> None:
    found = shop.status()
    release = found["release"]
    assert (found["app"], found["environment"], found["state"]) == ("shop", "production", "serving")
    assert (release["number"], release["revision"]) == (3, shop.git("rev-parse", "HEAD~1"))
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", release["digest"])
    assert found["health"] == {"healthy": True, "path": "/health", "status": 200}
    assert {role: container["state"] for role, container in found["roles"].items()} == {
        "web": "running",
        "worker": "running",
    }
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", found["since"])
    assert (found["running"], found["latest_differs"], found["edge"]["state"]) == (None, False, "running")
    shop.ferryman("status").succeeded("state        serving", release["revision"][:12], "/health answers 200")


def test_deployments_are_listed_with_their_outcomes(shop: Shop) -> None:
    listed = shop.ferryman("deployments", "--json").json()["deployments"]
    kinds = [(d["kind"], d["state"], d["release"]) for d in reversed(listed) if d["state"] != "refused"]
    assert kinds[:5] == [
        ("deploy", "succeeded", 1),
        ("deploy", "succeeded", 2),
        ("rollback", "succeeded", 1),
        ("rollback", "succeeded", 2),
        ("deploy", "unchanged", None),
    ]
    assert all(d["seconds"] > 0 for d in listed)
    lines = shop.ferryman("deployments", "--limit", "1").succeeded().stdout.text.splitlines()
    assert len(lines) == 2


def test_a_variable_that_is_required_is_set_before_the_deploy(shop: Shop) -> None:
    shop.configure(lambda settings: settings["app"].update(env={"required": ["API_KEY"], "values": {"COLOUR": "red"}}))
    shop.ferryman("deploy").ended_with(
        3, "[variable-missing]", "API_KEY", "hint: ferryman env set API_KEY", "release 3"
    )
    shop.ferryman("env", "set", "API_KEY=secret-1").ended_with(2, "[value-on-command-line]", "hint: printf")
    shop.ferryman("env", "set", "API_KEY", stdin=b"secret-1\n").succeeded("version 1")
    path = shop.folder / "certificate"
    path.write_text("line one\nline two\n")
    shop.ferryman("env", "set", "CERTIFICATE", "--file", str(path)).succeeded("version 2")
    shop.ferryman("env", "set", "API_KEY", "OLD", stdin=b"secret-1\nold\n").succeeded("version 3")
    shop.ferryman("env", "set", "API_KEY", stdin=b"secret-1\n").succeeded("unchanged: version 3")
    shop.ferryman("env", "unset", "OLD").succeeded("version 4")
    shop.ferryman("deploy").succeeded("release 4")
    variables = shop.get("/environment").json()
    assert (variables["API_KEY"], variables["COLOUR"]) == ("secret-1", "red")
    assert variables["CERTIFICATE"] == "line one\nline two"
    assert "OLD" not in variables
    assert variables["DATABASE_URL"].startswith("postgres://shop_production:")
    assert f"@{variables['DB_HOST']}:5432/" in variables["DATABASE_URL"]
    assert (variables["FERRYMAN_RELEASE"], len(variables["SECRET_KEY"]) >= 50) == ("4", True)


def test_a_folder_in_memory_is_as_large_as_it_was_written(shop: Shop) -> None:
    script = "import os; found = os.statvfs('/tmp'); print(found.f_frsize * found.f_blocks >> 20)"
    assert shop.ferryman("exec", "--", "python", "-c", script).succeeded().stdout.text == "8\n"


def test_variables_are_listed_without_their_values(shop: Shop) -> None:
    assert shop.ferryman("env", "list").succeeded().stdout.text.split() == ["API_KEY", "CERTIFICATE"]
    assert "secret-1" not in shop.ferryman("env", "list", "--json").succeeded().told
    shop.ferryman("env", "list", "--values").succeeded("API_KEY=secret-1")
    history = shop.ferryman("env", "history", "--json").succeeded()
    assert [version["version"] for version in history.json()["versions"]] in ([4, 3, 2, 1], [1, 2, 3, 4])
    assert "secret-1" not in history.told
    shop.ferryman("env", "unset", "NEVER_SET").ended_with(3)


def test_a_rollback_takes_the_variables_of_its_release(shop: Shop) -> None:
    shop.ferryman("rollback").succeeded("release 3")
    assert "API_KEY" not in shop.get("/environment").json()
    shop.ferryman("rollback", "4").succeeded("release 4")
    assert shop.get("/environment").json()["API_KEY"] == "secret-1"


def test_a_volume_belongs_to_the_apps_user_and_outlives_a_deploy(shop: Shop) -> None:
    shop.ferryman("exec", "--", "sh", "-c", "echo kept > /app/media/note").succeeded()
    owner = shop.ferryman("exec", "--", "stat", "-c", "%u:%g", "/app/media").succeeded()
    assert owner.stdout.text.strip() == "10001:10001"
    shop.deploy(word="fifth")
    assert shop.ferryman("exec", "--", "cat", "/app/media/note").succeeded().stdout.text == "kept\n"
    assert shop.ferryman("exec", "--role", "worker", "--", "cat", "/app/media/note").succeeded().stdout.text == "kept\n"
    shop.ferryman("exec", "--", "touch", "/app/elsewhere").ended_with(1, "Read-only file system")
    shop.ferryman("exec", "--", "touch", "/tmp/here").succeeded()


def test_containers_are_fenced_in(shop: Shop) -> None:
    number = shop.serving()
    assert shop.containers() == {f"web.{number}", f"worker.{number}", "postgres"}
    for role in ("web", "worker"):
        found = shop.inspect(f"{role}.{number}")
        host = found["HostConfig"]
        assert found["Config"]["User"] == "10001:10001"
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
        assert (host["Privileged"], host["SecurityOpt"]) == (False, ["no-new-privileges"])
        assert (host["Memory"], host["MemorySwap"]) == (96 << 20, 96 << 20)
        assert (host["NanoCpus"], host["PidsLimit"]) == (500_000_000, 64)
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert not host["PortBindings"]
        assert list(host["Tmpfs"]) == ["/tmp"]


def test_postgresql_is_reached_by_nobody_else(shop: Shop) -> None:
    found = shop.inspect("postgres")
    assert not found["HostConfig"]["PortBindings"]
    assert not any(found["NetworkSettings"]["Ports"].values())
    assert set(found["NetworkSettings"]["Networks"]) == {"ferryman.shop.production"}
    assert found["HostConfig"]["SecurityOpt"] == ["no-new-privileges"]
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert [mount["Type"] for mount in found["Mounts"]] == ["volume"]
    assert "POSTGRES_PASSWORD" not in json.dumps(shop.status())


def test_another_apps_containers_do_not_reach_it_by_its_address(new_shop: Callable[..., Shop], shop: Shop) -> None:
    (network,) = shop.inspect("postgres")["NetworkSettings"]["Networks"].values()
    connect = f"import socket; socket.create_connection(({network['IPAddress']!r}, 5432), 3)"
    stranger = new_shop("stranger", "stranger.test")
    stranger.deploy(word="stranger")
    shop.ferryman("exec", "--", "python", "-c", connect).succeeded()
    stranger.ferryman("exec", "--", "python", "-c", connect).ended_with(1, "create_connection")
