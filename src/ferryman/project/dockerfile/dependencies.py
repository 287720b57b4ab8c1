"""The stage `dependencies`: the project's packages, installed as the survey did and compiled."""

from __future__ import annotations

import json
import posixpath

from ferryman.packaging.stated import Dependencies, Packaging
from ferryman.packaging.system import Libraries, libraries
from ferryman.project.dockerfile.lines import NEWEST, TOUCH, installed, run
from ferryman.project.findings import Findings

UV = 'pip install --no-cache-dir "uv>=0.5"'
PIP = "uv pip install --no-cache --python /venv/bin/python"
SYNC = (
    "UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never uv sync --frozen --no-default-groups --no-install-project"
)


def system_packages(findings: Findings) -> Libraries:
    """Debian's packages that the project's own need."""
    found = findings.dependencies
    return libraries(found.names, findings.apps, findings.compiled)


def dependencies_stage(findings: Findings) -> str:
    """Its lines."""
    found = findings.dependencies
    build = system_packages(findings).build
    steps = ["python -m venv --without-pip /venv", *_install(found)]
    if findings.lacking:
        steps.append(f"{PIP} {' '.join(json.dumps(NEWEST[name]) for name in findings.lacking)}")
    steps += ["python -m compileall -q --invalidation-mode unchecked-hash /venv/lib", TOUCH.format("/venv")]
    return (
        "# Dependencies, compiled: a read-only container can't keep bytecode, and would compile at each start.\n"
        "FROM base AS dependencies"
        + installed(dict.fromkeys([*build, *(["git"] if found.needs_git else [])]))
        + _copies(found)
        + "\n"
        + run(steps)
    )


def _copies(found: Dependencies) -> str:
    """What is installed from; where packages are code of the project's own, that lies where it will be at run time."""
    if found.is_local:
        return "\nWORKDIR /app\nCOPY . /app"
    if not found.files:
        return ""
    lines = ["\nWORKDIR /dependencies"]
    for folder in sorted({posixpath.dirname(file) for file in found.files}):
        inside = [file for file in found.files if posixpath.dirname(file) == folder]
        lines.append(f"COPY {' '.join(inside)} ./{folder + '/' if folder else ''}")
    return "\n".join(lines)


def _install(found: Dependencies) -> list[str]:
    """With uv, as the survey did; Poetry and Pipenv read their own locks."""
    extras = "".join(f" --extra {name}" for name in found.extras)
    if found.packaging is Packaging.UV:
        editable = " --no-editable" if found.is_local else ""
        more = editable + extras + "".join(f" --group {name}" for name in found.groups)
        member = f" --package {found.member} --no-install-package {found.member}" if found.member else ""
        return [UV, f"{SYNC}{member} --no-cache{more}"]
    if found.packaging is Packaging.POETRY:
        only = ",".join(("main", *found.groups))
        return [
            'pip install --no-cache-dir "poetry>=2" "uv>=0.5"',
            f"VIRTUAL_ENV=/venv poetry install --only {only} --no-root --no-interaction --no-cache",
        ]
    if found.packaging is Packaging.PIPENV:
        return [
            'pip install --no-cache-dir "pipenv>=2024" "uv>=0.5"',
            "pipenv requirements > /tmp/requirements.txt",
            f"{PIP} --requirement /tmp/requirements.txt",
        ]
    if found.packaging is Packaging.NONE:
        return [UV, f'{PIP} "django>=5.2"']
    if found.needs_pip:
        pip = "pip --python /venv/bin/python install --no-cache-dir"
        return [UV, f"{pip} --requirement {found.files[0]}"]
    return [UV, f"{PIP} --requirement {found.files[0]}{extras}"]
