"""Writes a Dockerfile for a Django project: small layers, no root, bytecode and static files made at build time."""

from __future__ import annotations

import json
import posixpath
import shlex

from ferryman.packaging.stated import Packaging
from ferryman.project.findings import Findings

PINNED = {
    "3.13": "python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285",
}
NEWEST = {
    "gunicorn": "gunicorn>=23", "psycopg": "psycopg[binary]>=3.2", "uvicorn": "uvicorn[standard]>=0.34",
    "psycopg2": "psycopg2-binary>=2.9", "whitenoise": "whitenoise>=6",
}  # fmt: skip
UV = 'pip install --no-cache-dir "uv>=0.5"'
PIP = "uv pip install --no-cache --python /venv/bin/python"
TOUCH = "find {} -exec touch --no-dereference --date=@0 {{}} +"
BUILD_VARIABLES = "SECRET_KEY=only-for-the-build DATABASE_URL=sqlite://"
COLLECT_IF_SET = (
    'python -c "import django; from django.conf import settings; from django.core.management import call_command; '
    "django.setup(); settings.STATIC_ROOT and call_command('collectstatic', interactive=False)\""
)


def dockerfile(findings: Findings) -> str:
    """Return the text of the Dockerfile."""
    return "\n\n".join([_base(findings), _dependencies(findings), _code(findings), _final(findings)]) + "\n"


def _base(findings: Findings) -> str:
    image = PINNED.get(findings.python, f"python:{findings.python}-slim-trixie")
    return (
        "# Layers from the most to the least lasting, so that a change of the code pushes only the last one.\n"
        f"FROM {image} AS base\n"
        "ENV PATH=/venv/bin:$PATH \\\n"
        "    PYTHONUNBUFFERED=1 \\\n"
        "    PYTHONDONTWRITEBYTECODE=1 \\\n"
        f"    DJANGO_SETTINGS_MODULE={findings.settings.module}" + _libraries(_run_time(findings))
    )


def _libraries(packages: tuple[str, ...]) -> str:
    if not packages:
        return ""
    return (
        "\n# hadolint ignore=DL3008\n"
        "RUN apt-get update \\\n"
        f"    && apt-get install --yes --no-install-recommends {' '.join(packages)} \\\n"
        "    && rm -rf /var/lib/apt/lists/*"
    )


def _run_time(findings: Findings) -> tuple[str, ...]:
    """The library of PostgreSQL's client, for drivers that do not bring it."""
    names = findings.dependencies.names
    is_plain = "psycopg" in names and "psycopg-binary" not in names
    return ("libpq5",) if is_plain or names & {"psycopg2", "psycopg-c"} else ()


def _build_time(findings: Findings) -> tuple[str, ...]:
    is_compiled = findings.dependencies.names & {"psycopg2", "psycopg-c"}
    return ("gcc", "libc6-dev", "libpq-dev") if is_compiled else ()


def _dependencies(findings: Findings) -> str:
    steps = ["python -m venv --without-pip /venv", *_install(findings)]
    if findings.lacking:
        steps.append(f"{PIP} {' '.join(json.dumps(NEWEST[name]) for name in findings.lacking)}")
    steps += ["python -m compileall -q --invalidation-mode unchecked-hash /venv/lib", TOUCH.format("/venv")]
    return (
        "# 1. Dependencies, compiled: a read-only container can't keep bytecode, and would compile at each start.\n"
        "FROM base AS dependencies"
        + _libraries(_build_time(findings))
        + _copies(findings)
        + "\nRUN "
        + " \\\n    && ".join(steps)
    )


def _copies(findings: Findings) -> str:
    files = findings.dependencies.files
    if not files:
        return ""
    lines = ["\nWORKDIR /dependencies"]
    for folder in sorted({posixpath.dirname(file) for file in files}):
        inside = [file for file in files if posixpath.dirname(file) == folder]
        lines.append(f"COPY {' '.join(inside)} ./{folder + '/' if folder else ''}")
    return "\n".join(lines)


def _install(findings: Findings) -> list[str]:
    """With uv, as the survey did; Poetry and Pipenv read their own locks."""
    found = findings.dependencies
    if found.packaging is Packaging.UV:
        given = "UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never"
        sync = f"{given} uv sync --frozen --no-default-groups --no-install-project"
        more = "".join(f" --extra {name}" for name in found.extras) + "".join(f" --group {n}" for n in found.groups)
        return [UV, f"{sync} --no-cache{more}"]
    if found.packaging is Packaging.POETRY:
        only = ",".join(("main", *found.groups))
        return [
            'pip install --no-cache-dir "poetry>=2" "uv>=0.5"',
            f"VIRTUAL_ENV=/venv poetry install --only {only} --no-root --no-interaction --no-cache",
        ]
    if found.packaging is Packaging.PIPENV:
        return [
            'pip install --no-cache-dir "pipenv>=2024" "uv>=0.5"',
            "pipenv requirements > requirements.txt",
            f"{PIP} --requirement requirements.txt",
        ]
    if found.packaging is Packaging.NONE:
        return [UV, f'{PIP} "django>=5.2"']
    extras = "".join(f" --extra {name}" for name in found.extras)
    return [UV, f"{PIP} --requirement {found.files[0]}{extras}"]


def _code(findings: Findings) -> str:
    here = f"/app/{findings.inner}".rstrip("/")
    lines = [
        "# 2. The code, compiled, and its static files.",
        "FROM dependencies AS code",
        f"WORKDIR {here}",
        "COPY . /app",
    ]
    steps = [*_static(findings), "python -m compileall -q --invalidation-mode unchecked-hash /app"]
    steps.append(TOUCH.format("/app"))
    return "\n".join(lines) + "\nRUN " + " \\\n    && ".join(steps)


def _static(findings: Findings) -> list[str]:
    settings = findings.settings
    if not settings.uses_staticfiles:
        return []
    given = {name: settings.placeholders.get(name, "unset") for name in settings.required}
    required = "".join(f"{name}={shlex.quote(value)} " for name, value in {**findings.values, **given}.items())
    collect = "python manage.py collectstatic --noinput" if settings.sets_static_root else COLLECT_IF_SET
    run = f"{required}{BUILD_VARIABLES} {collect}"
    folder = static_folder(findings)
    if not folder:
        return [run]
    return [f"mkdir --parents {folder}", run, f"mv {folder} /static", TOUCH.format("/static")]


def static_folder(findings: Findings) -> str:
    """Return the folder below manage.py's that static files are collected in; "" when it is not known."""
    settings = findings.settings
    if not settings.uses_staticfiles:
        return ""
    return settings.static_root if settings.sets_static_root else "staticfiles"


def in_image(findings: Findings, path: str) -> str:
    """Where a path that is relative to manage.py's folder is in the image."""
    return posixpath.normpath(posixpath.join("/app", findings.inner, path))


def _final(findings: Findings) -> str:
    here = f"/app/{findings.inner}".rstrip("/")
    lines = [
        "FROM base",
        "# The base image leaves out the standard library's bytecode.",
        "RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \\",
        "    && python -m compileall -q -x 'site-packages|dist-packages|/test/|idlelib|tkinter|ensurepip' \\",
        '       "$(python -c \'import sysconfig; print(sysconfig.get_path("stdlib"))\')"',
    ]
    if findings.settings.media_root:
        media = in_image(findings, findings.settings.media_root)
        lines.append(f"RUN install --directory --owner=10001 --group=10001 {media}")
    lines.append("COPY --from=dependencies /venv /venv")
    folder = static_folder(findings)
    if folder:
        lines.append(f"COPY --from=code /static {in_image(findings, folder)}")
    lines += [
        "COPY --from=code /app /app",
        f"WORKDIR {here}",
        "USER 10001:10001",
        "EXPOSE 8000",
        "HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \\",
        f"    CMD {json.dumps(['python', '-c', _health_check(findings.health)])}",
        f"CMD {json.dumps(_server(findings))}",
    ]
    return "\n".join(lines)


def _health_check(path: str) -> str:
    return (
        "import http.client; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); "
        f"c.request('GET', '{path}', headers={{'Host': 'localhost'}}); raise SystemExit(c.getresponse().status >= 500)"
    )


def _server(findings: Findings) -> list[str]:
    if findings.is_asgi:
        return [
            "uvicorn", "--host=0.0.0.0", "--port=8000", "--timeout-graceful-shutdown=28", findings.application,
        ]  # fmt: skip
    return [
        "gunicorn", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=4",
        "--graceful-timeout=28", "--worker-tmp-dir=/tmp", "--access-logfile=-", findings.application,
    ]  # fmt: skip
