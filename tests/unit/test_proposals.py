"""`init` proposes roles, accessories and schedules: small projects, each with one way to work beside the web."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from project import URLS, Oddity, Taken, take_in
from proposal_cases import (
    APP,
    BEATS,
    BROKERS,
    CACHE,
    CACHES,
    LASTING,
    QUEUES,
    WORKER,
    packages,
    with_apps,
    with_celery,
    with_queue,
)

from ferryman.config import parse_configuration


def taken(tmp_path: Path, oddity: Oddity) -> Taken:
    """Taken in, with a ferryman.toml that is valid."""
    found = take_in(oddity, tmp_path)
    parse_configuration(found.planned["ferryman.toml"], tmp_path / "ferryman.toml")
    return found


def values(found: Taken) -> Mapping[str, Any]:
    told: Mapping[str, Any] = found.configuration["app"].get("env", {}).get("values", {})
    return told


@pytest.mark.parametrize(("oddity", "expected", "accessories"), BROKERS.values(), ids=BROKERS.keys())
def test_a_celery_app_gets_a_worker_and_its_broker(
    tmp_path: Path, oddity: Oddity, expected: dict[str, str], accessories: dict[str, Any]
) -> None:
    found = taken(tmp_path, oddity)
    assert found.configuration["app"]["roles"]["worker"] == {"command": WORKER, "stop_grace": "60s"}
    assert values(found) == expected
    assert found.configuration.get("accessories", {}) == accessories
    assert "required" not in found.configuration["app"].get("env", {})
    assert found.findings.unknown[1:] == ()
    assert found.production == ""
    assert "role worker: Celery's app is in shop" in found.findings.notes


def test_a_broker_that_is_rabbitmq_gets_rabbitmq(tmp_path: Path) -> None:
    found = taken(tmp_path, with_celery('CELERY_BROKER_URL = os.getenv("BROKER_URL", "amqp://guest@localhost//")'))
    assert values(found) == {"BROKER_URL": "amqp://guest:guest@rabbitmq:5672//"}
    rabbitmq = found.configuration["accessories"]["rabbitmq"]
    assert rabbitmq["image"] == "rabbitmq:4"
    assert rabbitmq["env"]["values"] == {"RABBITMQ_NODENAME": "rabbit@localhost"}


def test_a_broker_elsewhere_is_left_where_it_is_and_asked_about(tmp_path: Path) -> None:
    found = taken(tmp_path, with_celery(more=', broker="redis://redis.example.com:6379/0"'))
    assert "accessories" not in found.configuration
    assert found.findings.unknown[1:] == ("Celery's broker is at redis.example.com: can the server reach it?",)


@pytest.mark.parametrize(("oddity", "expected"), BEATS.values(), ids=BEATS.keys())
def test_a_schedule_of_celery_gets_a_single_beat(tmp_path: Path, oddity: Oddity, expected: list[str]) -> None:
    beat = taken(tmp_path, oddity).configuration["app"]["roles"]["beat"]
    assert beat == {"command": ["celery", "-A", "shop", "beat", "--loglevel=info", *expected], "overlap": False}


def test_a_worker_takes_the_queues_that_tasks_are_sent_to(tmp_path: Path) -> None:
    routes = 'CELERY_BROKER_URL = "redis://redis"\nCELERY_TASK_ROUTES = {"shop.*": {"queue": "mail"}}'
    roles = taken(tmp_path, with_celery(routes)).configuration["app"]["roles"]
    assert roles["worker"]["command"][-1] == "--queues=celery,mail"
    assert "beat" not in roles


def test_a_celery_app_whose_tasks_are_done_at_once_gets_no_worker(tmp_path: Path) -> None:
    found = taken(tmp_path, with_celery("CELERY_TASK_ALWAYS_EAGER = True"))
    assert found.configuration["app"]["roles"].keys() == {"web"}
    assert "accessories" not in found.configuration
    assert any("task_always_eager" in note for note in found.findings.notes)


def test_tasks_that_are_done_at_once_need_no_broker(tmp_path: Path) -> None:
    added = (
        'CELERY_BROKER_URL = os.environ.get("BROKER_URL", "redis://localhost:6379/0")\nCELERY_TASK_ALWAYS_EAGER = True'
    )
    found = taken(tmp_path, with_celery(added))
    assert "worker" not in found.configuration["app"]["roles"]
    assert "accessories" not in found.configuration


def test_tasks_that_are_done_at_once_until_there_is_a_broker_get_both(tmp_path: Path) -> None:
    added = 'CELERY_BROKER_URL = os.environ.get("BROKER_URL")\nCELERY_TASK_ALWAYS_EAGER = not CELERY_BROKER_URL'
    found = taken(tmp_path, with_celery(added))
    assert found.configuration["app"]["roles"]["worker"]["command"] == WORKER
    assert values(found) == {"BROKER_URL": "redis://redis:6379/0"}


def test_which_of_several_celery_apps_has_a_worker_is_asked(tmp_path: Path) -> None:
    other = {"other_celery.py": APP.format(more=', broker="redis://redis"')}
    oddity = with_celery('CELERY_BROKER_URL = "redis://redis"')
    found = taken(tmp_path, Oddity("several", {}, oddity.added, {**oddity.files, **other}))
    assert found.configuration["app"]["roles"].keys() == {"web"}
    assert "several Celery apps (other_celery, shop)" in found.findings.unknown[1]


@pytest.mark.parametrize(("oddity", "words", "lines", "accessories"), QUEUES.values(), ids=QUEUES.keys())
def test_every_kind_of_queue_gets_a_worker_and_what_it_needs(
    tmp_path: Path, oddity: Oddity, words: list[str], lines: set[str], accessories: dict[str, Any]
) -> None:
    if "procrastinate" in words:  # the real one is installed here
        oddity = Oddity(oddity.name, oddity.replaced)
    found = taken(tmp_path, oddity)
    assert found.configuration["app"]["roles"]["worker"]["command"] == ["python", "manage.py", *words]
    assert found.configuration.get("accessories", {}) == accessories
    assert values(found) == ({"REDIS_URL": "redis://redis:6379"} if accessories else {})
    assert {
        line.removesuffix("  # noqa: F405") for line in found.production.splitlines() if "REDIS_URL" in line
    } == lines
    assert found.findings.unknown[1:] == ()


def test_a_queue_in_a_file_is_asked_about(tmp_path: Path) -> None:
    found = taken(tmp_path, with_queue('HUEY = {"huey_class": "huey.SqliteHuey"}', "huey.contrib.djhuey"))
    assert found.configuration["app"]["roles"].keys() == {"web"}
    assert "HUEY is a SqliteHuey" in found.findings.unknown[1]


@pytest.mark.parametrize(("added", "expected", "accessories"), CACHES.values(), ids=CACHES.keys())
def test_a_cache_or_channel_layer_gets_what_its_variable_is_to_lead_to(
    tmp_path: Path, added: str, expected: dict[str, str], accessories: dict[str, Any]
) -> None:
    found = taken(tmp_path, Oddity("cache", added=f"\n{added}\n"))
    assert values(found) == expected
    assert found.configuration.get("accessories", {}) == accessories
    assert found.production == ""


def test_a_cache_behind_a_socket_is_asked_about(tmp_path: Path) -> None:
    found = taken(tmp_path, Oddity("socket", added="\n" + CACHE % ("redis.RedisCache", '"unix:///run/redis.sock"')))
    assert "accessories" not in found.configuration
    assert found.findings.unknown[1:] == ("the cache default is at unix:///run/redis.sock, which no container has",)


def test_a_cache_and_a_broker_share_a_redis_that_keeps_what_it_has(tmp_path: Path) -> None:
    cache = CACHE % ("redis.RedisCache", '"redis://localhost:6379/1"')
    found = taken(tmp_path, with_celery(f'{cache}\nCELERY_BROKER_URL = os.environ.get("REDIS_URL", "redis://redis/0")'))
    assert found.configuration["accessories"] == {"redis": LASTING}
    assert values(found) == {"REDIS_URL": "redis://redis:6379/0", "ACCESSORY_REDIS_URL": "redis://redis:6379"}
    assert 'CACHES["default"]["LOCATION"] = os.environ["ACCESSORY_REDIS_URL"] + "/1"' in found.production


def test_a_project_with_channels_is_served_by_asgi(tmp_path: Path) -> None:
    asgi = "from django.core.asgi import get_asgi_application\n\napplication = get_asgi_application()\n"
    files = {"shop/asgi.py": asgi, **packages("channels")}
    found = taken(
        tmp_path, Oddity("asgi", with_apps("channels"), '\nASGI_APPLICATION = "shop.asgi.application"\n', files)
    )
    assert '"uvicorn", "--host=0.0.0.0"' in found.planned["Dockerfile"]
    assert '"shop.asgi:application"' in found.planned["Dockerfile"]


JOBS = """\
CRONJOBS = [
    ("*/5 * * * *", "shop.jobs.tidy_up", ["a b"], {"days": 3}),
    ("0 4 * * *", "django.core.management.call_command", ["clearsessions"]),
    ("@reboot", "shop.jobs.begin"),
]
"""


def test_the_crontab_of_a_project_becomes_schedules(tmp_path: Path) -> None:
    found = taken(tmp_path, with_queue(JOBS, "django_crontab"))
    assert found.configuration["app"]["schedules"] == {
        "tidy-up": {
            "cron": "*/5 * * * *",
            "command": ["python", "manage.py", "shell", "-c",
                        "from shop.jobs import tidy_up; tidy_up('a b', days=3)"],
        },
        "clearsessions": {"cron": "0 4 * * *", "command": ["python", "manage.py", "clearsessions"]},
    }  # fmt: skip
    assert found.findings.unknown[1:] == ("CRONJOBS has shop.jobs.begin at '@reboot', which is no cron time",)


def test_the_classes_of_django_cron_are_run_when_they_are_due(tmp_path: Path) -> None:
    found = taken(tmp_path, with_queue('CRON_CLASSES = ["shop.jobs.TidyUp"]', "django_cron"))
    expected = {"cron": "*/5 * * * *", "command": ["python", "manage.py", "runcrons"]}
    assert found.configuration["app"]["schedules"] == {"runcrons": expected}


def test_a_queue_of_each_kind_has_its_own_role(tmp_path: Path) -> None:
    found = taken(
        tmp_path, with_celery('CELERY_BROKER_URL = "redis://redis"\nQ_CLUSTER = {"orm": "default"}', apps=("django_q",))
    )
    assert found.configuration["app"]["roles"].keys() == {"web", "worker", "qcluster"}


def test_a_project_without_any_of_it_gets_none(tmp_path: Path) -> None:
    found = taken(tmp_path, Oddity("plain", files={"shop/urls.py": URLS}))
    assert found.configuration["app"]["roles"].keys() == {"web"}
    assert not found.configuration.keys() & {"accessories", "schedules"}
