"""What runs beside web on a real server: a worker, an accessory that no deploy touches, and scheduled commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from shop import Shop

from ferryman.rehearsal.polling import wait_until

# The accessory is the probe app under another name: it answers at cache:8000, and stores what it is told in its volume.
ASKED = "import urllib.request as u; print(u.urlopen('http://{host}:8000/{path}', timeout=5).read().decode())"
HEALTH = ["python", "-c", ASKED.format(host="127.0.0.1", path="health")]


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app with a worker and an accessory, which has had its first deploy."""
    made = new_shop("depot", "depot.test")
    made.commit(word="cache")
    made.ferryman("build").succeeded()
    made.settings["app"]["roles"]["worker"] = {"command": ["worker"], "stop_grace": "1s"}
    made.settings["accessories"] = {
        "cache": {
            "image": f"{made.image}:{made.git('rev-parse', 'HEAD')}",
            "health": HEALTH,
            "stop_grace": "1s",
            "volumes": {"data": "/data"},
            "env": {"values": {"MODE": "small"}, "secrets": ["CACHE_KEY"]},
            "resources": {"memory": "64m"},
        }
    }
    made.settings["app"]["volumes"] = {"media": "/app/media"}
    made.settings["app"]["schedules"] = {
        "tick": {"cron": "* * * * *", "command": ["sweep"]},
        "fail": {"cron": "@yearly", "command": ["sweep", "3"]},
        "held": {"cron": "@yearly", "command": ["sweep", "held"]},
        "slow": {"cron": "@yearly", "command": ["sweep", "hang"], "time_limit": "1s", "stop_grace": "2s"},
    }
    made.configure()
    made.commit(word="one")
    made.ferryman("deploy").ended_with(3, "[variable-missing]", "CACHE_KEY")
    made.ferryman("env", "set", "CACHE_KEY", stdin=b"locked").succeeded()
    made.deploy()
    return made


def identity(shop: Shop, container: str = "cache") -> tuple[str, str]:
    found = shop.inspect(container)
    return found["Id"], found["State"]["StartedAt"]


def cache(shop: Shop) -> dict[str, Any]:
    return dict(shop.status()["accessories"]["cache"])


def answers(shop: Shop) -> str:
    """What the accessory answers to the web container, by its name on the app's network."""
    code = ASKED.format(host="cache", path="")
    return shop.ferryman("exec", "--", "python", "-c", code).succeeded().stdout.text.strip()


def agent_answers(shop: Shop) -> None:
    wait_until(lambda: shop.ferryman("status").process.returncode == 0, "the agent answers", seconds=30)


def schedule(shop: Shop, name: str) -> dict[str, Any]:
    return dict(shop.status()["schedules"][name])


def held(shop: Shop) -> str:
    """Begin the command that is held; the name of its container, which runs."""
    call = shop.ferryman("run", "held", "--detach", "--json").json()
    container = f"held.run.{call['number']}"
    wait_until(
        lambda: container in shop.containers() and shop.inspect(container)["State"]["Running"], "it runs", seconds=20
    )
    return container


def outcome(shop: Shop) -> dict[str, Any]:
    """What came of the command that is held, once it has ended."""
    wait_until(lambda: schedule(shop, "held")["running"] is None, "it has ended", seconds=20)
    return dict(schedule(shop, "held")["last"])


def test_web_reaches_an_accessory_by_its_name(shop: Shop) -> None:
    found = cache(shop)
    assert (found["state"], found["health"], found["definition"]) == ("running", "healthy", "current")
    assert answers(shop) == "cache"
    host = shop.inspect("cache")["HostConfig"]
    assert (host["Memory"], host["RestartPolicy"]["Name"]) == (64 << 20, "unless-stopped")
    assert not host["PortBindings"]
    variables = shop.ferryman("exec", "--role", "cache", "--", "env").succeeded().stdout.text.splitlines()
    assert {"MODE=small", "CACHE_KEY=locked"} <= set(variables)
    assert not [line for line in variables if line.startswith(("SECRET_KEY=", "DATABASE_URL="))]
    shop.ferryman("exec", "--role", "cache", "--", "sh", "-c", "echo kept > /data/note").succeeded()


def test_a_deploy_leaves_the_accessory_alone_and_a_restart_replaces_it(shop: Shop) -> None:
    before = identity(shop)
    assert "cache is there" in shop.deploy(word="two").stderr.text
    shop.settings["accessories"]["cache"]["env"]["values"]["MODE"] = "large"
    shop.configure()
    assert "`ferryman restart --role cache` replaces it" in shop.deploy(word="three").stderr.text
    assert identity(shop) == before
    assert "ferryman restart --role cache" in shop.ferryman("status").stdout.text
    shop.ferryman("restart", "--role", "cache").succeeded("cache was away for")
    assert "cache" not in shop.containers()
    assert cache(shop)["definition"] == "current"
    assert answers(shop) == "cache"
    said = shop.ferryman("exec", "--role", "cache", "--", "sh", "-c", "cat /data/note; echo $MODE").succeeded()
    assert said.stdout.text.split() == ["kept", "large"]
    assert shop.word() == "three"


def test_a_command_runs_by_hand_and_tells_what_came_of_it(shop: Shop) -> None:
    call = shop.ferryman("run", "fail").ended_with(1, "[run-failed]", "fail: ended with exit code 3")
    assert call.stdout.text == "sweeping\n"
    found = schedule(shop, "fail")["last"]
    assert (found["state"], found["exit_code"], found["log"], found["by_hand"]) == ("failed", 3, ["sweeping"], True)
    assert shop.ferryman("logs", "--role", "fail").succeeded().stdout.text == "sweeping\n"
    shop.ferryman("run", "slow").ended_with(1, "[run-failed]", "its time limit came")
    assert 1 <= schedule(shop, "slow")["last"]["seconds"] < 8
    shop.ferryman("run", "tock").ended_with(3, "[unknown-schedule]", "fail, held, slow, tick")
    assert not [name for name in shop.containers() if name.startswith(("fail", "slow"))]


def test_a_run_outlives_a_deploy_and_an_agent_that_is_killed(shop: Shop) -> None:
    """The agent that comes back also brings back an accessory that somebody removed."""
    container = held(shop)
    before = identity(shop, container)
    shop.deploy(word="five")
    shop.ferryman("run", "held").ended_with(3, "[run-under-way]")
    shop.prepared.server.run(["docker", "rm", "--force", f"ferryman.{shop.id}.cache.1"])
    shop.prepared.server.run(["systemctl", "kill", "--signal=SIGKILL", "ferryman-agent"])
    agent_answers(shop)
    assert answers(shop) == "cache"
    assert identity(shop, container) == before
    assert schedule(shop, "held")["running"] is not None
    shop.ferryman("exec", "--", "touch", "/app/media/go").succeeded()
    found = outcome(shop)
    assert (found["state"], found["exit_code"], found["number"]) == ("succeeded", 0, int(container.split(".")[-1]))
    assert container not in shop.containers()


def test_a_power_cut_ends_a_run_which_is_not_begun_again_and_an_accessory_comes_back(shop: Shop) -> None:
    container = held(shop)
    shop.prepared.server.power_cut()
    shop.prepared.server.wait_engine()
    agent_answers(shop)
    assert outcome(shop)["state"] == "failed"
    assert container not in shop.containers()
    wait_until(lambda: shop.status()["state"] == "serving", "all is up", seconds=30)
    assert answers(shop) == "cache"
    assert "kept" in shop.ferryman("exec", "--role", "cache", "--", "cat", "/data/note").succeeded().stdout.text


def test_a_stop_ends_a_run_and_leaves_an_accessory_up(shop: Shop) -> None:
    before = identity(shop, "cache.1")
    held(shop)
    shop.ferryman("stop").succeeded()
    outcome(shop)
    assert schedule(shop, "held")["next"] is None
    assert identity(shop, "cache.1") == before
    shop.ferryman("run", "held").ended_with(3, "[app-stopped]")
    shop.ferryman("start").succeeded()


def test_an_accessory_without_a_definition_goes_on_until_it_is_removed(shop: Shop) -> None:
    shop.ferryman("accessory", "remove", "cache").ended_with(3, "[accessory-defined]")
    del shop.settings["accessories"]
    shop.configure()
    assert "`ferryman accessory remove cache` removes it" in shop.deploy(word="four").stderr.text
    assert answers(shop) == "cache"
    shop.ferryman("accessory", "remove", "cache").succeeded("cache of depot in production is removed")
    number = shop.serving()
    assert {f"web.{number}", f"worker.{number}"} == {n for n in shop.containers() if not n.startswith("tick")}
    volumes = shop.prepared.server.run(["docker", "volume", "ls", "--quiet"]).split()
    assert f"ferryman.{shop.id}.accessory.cache.data" in volumes


def test_each_minute_has_its_run(shop: Shop) -> None:
    """Minutes have passed since the first deploy; the next one comes while this waits for it."""

    def by_itself() -> bool:
        found = schedule(shop, "tick")["last"]
        return bool(found) and not found["by_hand"] and found["state"] == "succeeded"

    wait_until(by_itself, "its time has come", seconds=75, pause=1)
    assert schedule(shop, "tick")["last"]["started_at"][17:19] < "10"
    assert shop.ferryman("logs", "--role", "tick").succeeded().stdout.text == "sweeping\n"
