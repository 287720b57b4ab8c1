"""Projects with one way each to work beside the web: Celery, other queues, caches; what they get for it."""

from __future__ import annotations

from project import Oddity

# What `init` asks of Celery, without Celery: the real one is asked in tests/e2e/test_proposals.py.
CELERY = """\
import os


class Conf:
    broker_url = result_backend = task_queues = None
    beat_schedule, task_routes = {}, {}
    beat_scheduler = "celery.beat:PersistentScheduler"
    task_default_queue = "celery"
    task_always_eager = False


class Celery:
    def __init__(self, name, broker=None):
        self.conf, self.tasks = Conf(), {}
        self.conf.broker_url = broker

    def config_from_object(self, name, namespace):
        from django.conf import settings

        for key in dir(settings):
            if key.startswith(namespace + "_"):
                setattr(self.conf, key.removeprefix(namespace + "_").lower(), getattr(settings, key))
"""
APP = """\
from celery import Celery

app = Celery("shop"{more})
app.config_from_object("django.conf:settings", namespace="CELERY")
"""
LAST_APP = '    "django.contrib.staticfiles",\n'
LASTING = {
    "image": "redis:7",
    "command": ["redis-server", "--appendonly", "yes"],
    "health": ["redis-cli", "ping"],
    "volumes": {"data": "/data"},
}
FLEETING = {"image": "redis:7", "health": ["redis-cli", "ping"]}
WORKER = ["celery", "-A", "shop", "worker", "--loglevel=info", "--concurrency=2"]


def with_apps(*names: str) -> dict[str, str]:
    """Lines of the settings; each app is a package that is there and empty."""
    return {LAST_APP: LAST_APP + "".join(f'    "{name}",\n' for name in names)}


def packages(*names: str) -> dict[str, str]:
    parts = [name.split(".")[:depth] for name in names for depth in range(1, name.count(".") + 2)]
    return {"/".join((*part, "__init__.py")): "" for part in parts}


def with_celery(added: str = "", more: str = "", apps: tuple[str, ...] = (), own: str = "") -> Oddity:
    files = {"celery/__init__.py": CELERY, "shop/celery.py": APP.format(more=more) + own, **packages(*apps)}
    return Oddity("celery", with_apps(*apps) if apps else {}, f"\n{added}\n", files)


def with_queue(added: str, *apps: str) -> Oddity:
    return Oddity("queue", with_apps(*apps) if apps else {}, f"\n{added}\n", packages(*apps))


BROKERS = {
    "from a variable": (
        with_celery('CELERY_BROKER_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/3")'),
        {"REDIS_URL": "redis://redis:6379/3"},
        {"redis": LASTING},
    ),
    "from a variable that is required": (
        with_celery('CELERY_BROKER_URL = os.environ["BROKER_URL"]'),
        {"BROKER_URL": "redis://redis:6379/0"},
        {"redis": LASTING},
    ),
    "of host, port and password": (
        with_celery(
            "E = os.environ\n"
            "CELERY_BROKER_URL = f'redis://:{E[\"REDIS_PASSWORD\"]}@{E[\"REDIS_HOST\"]}:{E[\"REDIS_PORT\"]}/0'"
        ),
        {"REDIS_HOST": "redis", "REDIS_PORT": "6379", "REDIS_PASSWORD": ""},
        {"redis": LASTING},
    ),
    "a name": (with_celery(more=', broker="redis://queue:6379/0"'), {}, {"queue": LASTING}),
    "on this machine": (
        with_celery(more=', broker="redis://127.0.0.1:6379/2"'),
        {"CELERY_BROKER_URL": "redis://redis:6379/2"},
        {"redis": LASTING},
    ),
    "two databases of one": (
        with_celery(
            'URL = os.environ.get("REDIS_URL", "redis://localhost:6379")\nCELERY_BROKER_URL = URL + "/0"\n'
            'CELERY_RESULT_BACKEND = URL + "/1"'
        ),
        {"REDIS_URL": "redis://redis:6379"},
        {"redis": LASTING},
    ),
    "in memory": (with_celery('CELERY_BROKER_URL = os.environ.get("BROKER_URL", "memory://")'), {}, {}),
}  # fmt: skip


BEATS = {
    "in the settings": (
        with_celery('CELERY_BROKER_URL = "redis://redis"\nCELERY_BEAT_SCHEDULE = {"tidy up": {}}'),
        ["--schedule=/tmp/celerybeat-schedule"],
    ),
    "of the app": (
        with_celery(more=', broker="redis://redis"', own='app.conf.beat_schedule = {"tidy up": {}}\n'),
        ["--schedule=/tmp/celerybeat-schedule"],
    ),
    "in the database": (
        with_celery('CELERY_BROKER_URL = "redis://redis"', apps=("django_celery_beat",)),
        ["--scheduler=django_celery_beat.schedulers:DatabaseScheduler"],
    ),
    "of another kind": (
        with_celery(
            'CELERY_BROKER_URL = "redis://redis"\nCELERY_BEAT_SCHEDULE = {"tidy up": {}}\n'
            'CELERY_BEAT_SCHEDULER = "redbeat.RedBeatScheduler"'
        ),
        [],
    ),
}


QUEUES = {
    "RQ": (
        with_queue('RQ_QUEUES = {"default": {"HOST": "localhost", "DB": 1}, "low": {"URL": "redis://"}}', "django_rq"),
        ["rqworker", "default", "low"],
        {'RQ_QUEUES["default"]["URL"] = os.environ["REDIS_URL"] + "/1"',
         'RQ_QUEUES["low"]["URL"] = os.environ["REDIS_URL"]'},
        {"redis": LASTING},
    ),
    "Huey": (
        with_queue('HUEY = {"huey_class": "huey.RedisHuey"}', "huey.contrib.djhuey"),
        ["run_huey"],
        {'HUEY = {**HUEY, "connection": {"url": os.environ["REDIS_URL"] + "/0"}}'},
        {"redis": LASTING},
    ),
    "Django Q over Redis": (
        with_queue('Q_CLUSTER = {"redis": {"host": "127.0.0.1", "db": 2}}', "django_q"),
        ["qcluster"],
        {'Q_CLUSTER["redis"] = os.environ["REDIS_URL"] + "/2"'},
        {"redis": LASTING},
    ),
    "Django Q over PostgreSQL": (with_queue('Q_CLUSTER = {"orm": "default"}', "django_q"), ["qcluster"], set(), {}),
    "Dramatiq": (
        with_queue(
            'DRAMATIQ_BROKER = {"BROKER": "dramatiq.brokers.redis.RedisBroker", "OPTIONS": {"url": "redis://localhost"}}',
            "django_dramatiq",
        ),
        ["rundramatiq", "--processes=1"],
        {'DRAMATIQ_BROKER["OPTIONS"] = {"url": os.environ["REDIS_URL"]}'},
        {"redis": LASTING},
    ),
    "procrastinate": (with_queue("", "procrastinate.contrib.django"), ["procrastinate", "worker"], set(), {}),
    "Django's tasks": (
        with_queue('TASKS = {"default": {"BACKEND": "django_tasks.backends.database.DatabaseBackend"}}'),
        ["db_worker"], set(), {},
    ),
}  # fmt: skip


CACHE = 'CACHES = {"default": {"BACKEND": "django.core.cache.backends.%s", "LOCATION": %s}}'
CACHES = {
    "Redis by a variable": (
        CACHE % ("redis.RedisCache", 'os.environ["CACHE_URL"]'),
        {"CACHE_URL": "redis://redis:6379/1"},
        {"redis": FLEETING},
    ),
    "Redis only if a variable is set": (
        'if os.environ.get("REDIS_URL"):\n    ' + CACHE % ("redis.RedisCache", 'os.environ["REDIS_URL"]'),
        {"REDIS_URL": "redis://redis:6379/0"},
        {"redis": FLEETING},
    ),
    "Memcached by a variable": (
        CACHE % ("memcached.PyMemcacheCache", 'os.environ.get("MEMCACHED", "127.0.0.1:11211")'),
        {"MEMCACHED": "memcached:11211"},
        {"memcached": {"image": "memcached:1.6", "health": ["bash", "-c", ": < /dev/tcp/127.0.0.1/11211"]}},
    ),
    "a channel layer by its host": (
        'CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer",'
        ' "CONFIG": {"hosts": [(os.environ.get("REDIS_HOST", "localhost"), 6379)]}}}',
        {"REDIS_HOST": "redis"},
        {"redis": FLEETING},
    ),
    "none of them": (CACHE % ("locmem.LocMemCache", 'os.environ.get("CACHE_NAME", "x")'), {}, {}),
}
