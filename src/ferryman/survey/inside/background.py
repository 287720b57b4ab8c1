"""What works beside the web process: task queues, the services that they talk to, and what runs by the clock."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

LARGEST = 400
DEEPEST = 4
PORTS = {"redis": 6379, "memcached": 11211, "amqp": 5672}


def background(names: Iterable[str]) -> dict[str, Any]:
    """Celery's apps (`names` are modules that may make one), what other queues are set to, and where they connect."""
    from django.conf import settings

    celery = celery_apps(names)
    services = [
        *(_service("celery-broker", app["module"], app["broker"]) for app in celery),
        *(_service("celery-results", app["module"], app["results"]) for app in celery),
        *_services(settings),
    ]
    return {
        "celery": celery,
        "services": [service for service in services if service["url"]],
        "tasks": [_text(found.get("BACKEND")) for found in _tables(settings, "TASKS").values()],
        "rq": list(map(_text, _tables(settings, "RQ_QUEUES"))),
        "q_cluster": sorted(map(str, _table(settings, "Q_CLUSTER"))),
        "huey": _huey(getattr(settings, "HUEY", None)),
        "cron": [_cron_job(job) for job in getattr(settings, "CRONJOBS", None) or ()],
        "cron_classes": list(map(_text, getattr(settings, "CRON_CLASSES", None) or ())),
    }


def _service(use: str, name: str, url: str) -> dict[str, str]:
    return {"use": use, "name": name, "url": url}


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:LARGEST]


def _table(settings: Any, name: str) -> dict[Any, Any]:
    found = getattr(settings, name, None)
    return found if isinstance(found, dict) else {}


def _tables(settings: Any, name: str) -> dict[Any, dict[Any, Any]]:
    return {key: value for key, value in _table(settings, name).items() if isinstance(value, dict)}


def _services(settings: Any) -> Iterator[dict[str, str]]:
    """What the settings connect to, but for databases and Celery."""
    for alias, cache in _tables(settings, "CACHES").items():
        backend = _text(cache.get("BACKEND")).lower()
        kind = "redis" if "redis" in backend else "memcached" if "memcached" in backend else ""
        if kind:
            yield _service("cache", str(alias), _address(kind, cache.get("LOCATION")))
    for alias, layer in _tables(settings, "CHANNEL_LAYERS").items():
        if "redis" in _text(layer.get("BACKEND")).lower():
            hosts = (layer.get("CONFIG") or {}).get("hosts") or ("localhost", 6379)
            yield _service("channel-layer", str(alias), _address("redis", hosts))
    for name, queue in _tables(settings, "RQ_QUEUES").items():
        yield _service("rq", str(name), _address("redis", queue))
    if "redis" in _table(settings, "Q_CLUSTER"):
        yield _service("q-cluster", "", _address("redis", _table(settings, "Q_CLUSTER")["redis"] or "localhost"))
    yield _service("huey", "", _huey_address(getattr(settings, "HUEY", None)))
    broker = _table(settings, "DRAMATIQ_BROKER")
    if broker:
        kind = "redis" if "redis" in _text(broker.get("BROKER")).lower() else "amqp"
        yield _service("dramatiq", "", _address(kind, broker.get("OPTIONS") or "localhost"))


def _address(kind: str, value: Any) -> str:
    """A URL, of the many ways in which a host and a port are written; "" when there is none."""
    if isinstance(value, dict):
        found = {str(key).lower(): part for key, part in value.items()}
        whole = found.get("url") or found.get("address")
        if whole:
            return _address(kind, whole)
        if not found.get("host"):
            return ""
        secret = f":{found['password']}@" if found.get("password") else ""
        return f"{kind}://{secret}{found['host']}:{found.get('port') or PORTS[kind]}/{found.get('db') or 0}"
    if isinstance(value, (tuple, list)):
        if len(value) == 2 and str(value[1]).isdigit():
            return f"{kind}://{value[0]}:{value[1]}"
        return _address(kind, value[0]) if value else ""
    text = _text(value)
    return text if not text or "://" in text or text.startswith(("unix:", "/")) else f"{kind}://{text}"


def _huey(value: Any) -> str:
    """The name of its class; "" when there is no Huey."""
    if not value:
        return ""
    name = value.get("huey_class") or value.get("backend_class") or "RedisHuey" if isinstance(value, dict) else value
    return _text(name if isinstance(name, str) else type(name).__name__).rpartition(".")[2]


def _huey_address(value: Any) -> str:
    if "Redis" not in _huey(value):
        return ""
    if isinstance(value, dict):
        connection = dict(value.get("connection") or {})
        return _address("redis", value.get("url") or {"host": "localhost", **connection})
    pool = getattr(getattr(value, "storage", None), "pool", None)
    return _address("redis", {"host": "localhost", **getattr(pool, "connection_kwargs", {})})


def _cron_job(job: Any) -> dict[str, Any]:
    """Of django-crontab: when, the dotted name of a function, and its arguments as Python writes them."""
    parts = list(job) if isinstance(job, (tuple, list)) else []
    words = parts[2] if len(parts) > 2 and isinstance(parts[2], (tuple, list)) else []
    named = parts[3] if len(parts) > 3 and isinstance(parts[3], dict) else {}
    return {
        "cron": _text(parts[0]) if parts else "",
        "function": _text(parts[1]) if len(parts) > 1 else "",
        "words": [repr(word)[:LARGEST] for word in words],
        "named": {str(name): repr(word)[:LARGEST] for name, word in named.items()},
    }


def celery_apps(names: Iterable[str]) -> list[dict[str, Any]]:
    """The project's Celery apps: the module as `-A` takes it, where they connect, what they have by the clock."""
    if importlib.util.find_spec("celery") is None:
        return []
    celery = importlib.import_module("celery")
    for name in dict.fromkeys([*names, *_celery_modules()]):
        with contextlib.suppress(Exception):  # what can't be imported has none
            importlib.import_module(name)
    found: dict[int, tuple[str, Any]] = {}
    for name, module in sorted(sys.modules.items(), key=lambda item: (item[0].count("."), item[0])):
        if str(getattr(module, "__file__", None) or "").startswith(str(Path.cwd()) + os.sep):
            for value in list(vars(module).values()):
                if issubclass(type(value), celery.Celery):  # not a stand-in of Celery's, such as current_app
                    found.setdefault(id(value), (name, value))
    return [_celery_app(name, app) for name, app in found.values()]


def _celery_modules() -> Iterator[str]:
    """Modules of the project that are named for it."""
    for path in sorted(Path().glob("**/*celery*.py")):
        words = path.with_suffix("").parts
        if len(words) <= DEEPEST and all(word.isidentifier() for word in words) and "tests" not in words:
            yield ".".join(words)


def _celery_app(name: str, app: Any) -> dict[str, Any]:
    with contextlib.suppress(Exception):  # a task that can't be imported leaves the others
        app.loader.import_default_modules()
    with contextlib.suppress(Exception):
        app.finalize()
    conf = app.conf
    return {
        "module": name.removesuffix(".celery"),
        "broker": _text(conf.broker_url),
        "results": _text(conf.result_backend),
        "schedule": sorted(map(str, conf.beat_schedule or {})),
        "scheduler": _text(conf.beat_scheduler),
        "queues": _queues(app),
        "is_eager": bool(conf.task_always_eager),
    }


def _queues(app: Any) -> list[str]:
    """The queues that a worker must be told of, its own first; [] when it takes all by itself."""
    if app.conf.task_queues:
        return []
    routes = app.conf.task_routes or ()
    tables = [routes] if isinstance(routes, dict) else [table for table in routes if isinstance(table, dict)]
    targets = [target for table in tables for target in table.values()]
    targets += [{"queue": getattr(task, "queue", None)} for task in dict(app.tasks).values()]
    named = [target.get("queue") if isinstance(target, dict) else target for target in targets]
    own = _text(app.conf.task_default_queue) or "celery"
    others = sorted({_text(getattr(name, "name", name)) for name in named if name} - {own})
    return [own, *others] if others else []
