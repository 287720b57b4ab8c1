"""The whole Dockerfile: a base, the packages, the web assets, the code, and the image that is shipped."""

from __future__ import annotations

import json
import shlex

from ferryman.image.dockerfile import GENERATED
from ferryman.project.dockerfile.assets import assets_stage
from ferryman.project.dockerfile.dependencies import dependencies_stage, system_packages
from ferryman.project.dockerfile.layout import in_image, manage_folder, static_folder
from ferryman.project.dockerfile.lines import TOUCH, installed, run
from ferryman.project.findings import Findings

PINNED = {
    "3.13": "python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285",
}
BUILD_VARIABLES = "SECRET_KEY=only-for-the-build DATABASE_URL=sqlite://"
COLLECT_IF_SET = (
    'python -c "import django; from django.conf import settings; from django.core.management import call_command; '
    "django.setup(); settings.STATIC_ROOT and call_command('collectstatic', interactive=False)\""
)


def dockerfile(findings: Findings) -> str:
    """Return the text of the Dockerfile."""
    stages = [_base(findings), dependencies_stage(findings)]
    if findings.assets:
        stages.append(assets_stage(findings.assets, findings.context))
    return "\n\n".join([*stages, _code(findings), _final(findings)]) + "\n"


def _base(findings: Findings) -> str:
    image = PINNED.get(findings.python, f"python:{findings.python}-slim-trixie")
    return (
        f"{GENERATED}FROM {image} AS base\n"
        "ENV PATH=/venv/bin:$PATH \\\n"
        "    PYTHONUNBUFFERED=1 \\\n"
        "    PYTHONDONTWRITEBYTECODE=1 \\\n"
        f"    DJANGO_SETTINGS_MODULE={findings.settings.module}" + installed(system_packages(findings).run)
    )


def _code(findings: Findings) -> str:
    assets = findings.assets
    lines = [
        "# The code, compiled, and its static files.",
        "FROM dependencies AS code" + installed(("gettext",) if findings.compiles_messages else ()),
        *(["COPY --from=assets /usr/local/bin/node /usr/local/bin/node"] if assets and assets.keeps_modules else []),
        f"WORKDIR {manage_folder(findings)}",
        "COPY --from=assets /app /app" if assets else "COPY . /app",
    ]
    steps = _messages(findings) + _static(findings)
    if assets and assets.keeps_modules:
        steps.append("find /app -name node_modules -prune -exec rm -rf {} +")
    steps += ["python -m compileall -q --invalidation-mode unchecked-hash /app", TOUCH.format("/app")]
    return "\n".join(lines) + "\n" + run(steps)


def _messages(findings: Findings) -> list[str]:
    """A translation with a mistake in it leaves the others; without settings no variable is needed."""
    if not findings.compiles_messages:
        return []
    compiled = "env --unset=DJANGO_SETTINGS_MODULE python -m django compilemessages --ignore node_modules"
    return [f"({compiled} || echo 'some translations could not be compiled')"]


def _static(findings: Findings) -> list[str]:
    settings = findings.settings
    if not settings.uses_staticfiles:
        return []
    given = {name: settings.placeholders.get(name, "unset") for name in settings.required}
    required = "".join(f"{name}={_word(value)} " for name, value in {**findings.values, **given}.items())
    collect = "python manage.py collectstatic --noinput" if settings.sets_static_root else COLLECT_IF_SET
    command = f"{required}{BUILD_VARIABLES} {collect}"
    folder = static_folder(findings)
    if not folder:
        return [command]
    return [f"mkdir --parents {folder}", command, f"mv {folder} /static", TOUCH.format("/static")]


def _word(value: str) -> str:
    """A value for the shell, on one line as an instruction must be."""
    if "\n" not in value:
        return shlex.quote(value)
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    return f'"$(printf %b {shlex.quote(escaped)})"'


def _final(findings: Findings) -> str:
    lines = [
        "FROM base",
        "# The base image leaves out the standard library's bytecode.",
        "RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \\",
        "    && python -m compileall -q -x 'site-packages|dist-packages|/tests?/|idlelib|tkinter|ensurepip' \\",
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
        f"WORKDIR {manage_folder(findings)}",
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
