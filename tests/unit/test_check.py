"""`ferryman check`: each mistake that breaks deploys is found where it stands, and what is right is let pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checked import GOOD, HOST_KEY, found_in, write
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.project.drift import Drift, State
from ferryman.project.writing import write_project

# file, what stands there, what stands there instead, the code, where it is found (line 0: at the replaced text)
BAD = {
    "database port": ("compose.yaml", "    environment:\n", '    ports: ["5432:5432"]\n', "database-published"),
    "database port in a list": (
        "compose.yaml",
        "    environment:\n",
        "    ports:\n      - 5432\n",
        "database-published",
    ),
    "database port by hand": ("deploy.sh", "acme/shop:1.2", "-p 5432:5432 postgres:17", "database-published"),
    "port past the firewall": ("compose.yaml", '"127.0.0.1:8000:8000"', '"8000:8000"', "port-bypasses-firewall"),
    "port of every address": ("compose.yaml", '"127.0.0.1:8000:8000"', "0.0.0.0:80:8000", "port-bypasses-firewall"),
    "port past it by hand": ("deploy.sh", "-p 127.0.0.1:8000:8000", "--publish=8000:8000", "port-bypasses-firewall"),
    "port past it in a workflow": (
        ".github/workflows/tests.yml",
        "docker run --rm",
        "ssh deploy@shop.example.com docker run -p 8000:8000",
        "port-bypasses-firewall",
    ),
    "no host key pinned": ("ferryman.toml", f'host_key = "{HOST_KEY}"\n', "", "unpinned-host-key"),
    "host key not checked": ("deploy.sh", "ssh deploy", "ssh -o StrictHostKeyChecking=no deploy", "unpinned-host-key"),
    "host key scanned": (
        "deploy.sh",
        "ssh deploy@",
        "ssh-keyscan host >> known_hosts; ssh deploy@",
        "unpinned-host-key",
    ),
    "host key not checked by an action": (
        ".github/workflows/tests.yml",
        "run: docker run --rm acme/shop:1.2",
        "uses: appleboy/ssh-action@v1",
        "unpinned-host-key",
    ),
    "no user": ("Dockerfile", "USER 10001\n", "", "root-user"),
    "root by name": ("Dockerfile", "USER 10001", "USER root", "root-user"),
    "root by number": ("Dockerfile", "USER 10001", "USER 0:0", "root-user"),
    "command in a shell": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        "CMD gunicorn shop.wsgi",
        "no-signal-handling",
    ),
    "shell in a list": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        'CMD ["sh", "-c", "gunicorn shop.wsgi"]',
        "no-signal-handling",
    ),
    "grace shorter than the default": (
        "ferryman.toml",
        'stop_grace = "35s"',
        'stop_grace = "5s"',
        "stop-grace-too-short",
    ),
    "grace shorter than told": (
        "Dockerfile",
        '"--bind=0.0.0.0:8000"',
        '"--graceful-timeout=60"',
        "stop-grace-too-short",
    ),
    "health without its slash": ("ferryman.toml", '"/health/"', '"/health"', "health-redirects"),
    "health sent to https": (
        "shop/settings.py",
        "import os\n",
        "import os\nSECURE_SSL_REDIRECT = True\n",
        "health-redirects",
    ),
    "domain not allowed": (
        "shop/settings.py",
        'os.environ.get("ALLOWED_HOSTS", "localhost").split(",")',
        '["localhost"]',
        "health-refused",
    ),
    "migrate in CMD": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        'CMD ["sh", "-c", "python manage.py migrate && exec gunicorn shop.wsgi"]',
        "migrate-at-start",
    ),
    "migrate in a role's command": (
        "ferryman.toml",
        "[app.env.values]",
        '[app.roles.worker]\ncommand = ["sh", "-c", "python manage.py migrate; exec work"]\n[app.env.values]',
        "migrate-at-start",
    ),
    "migrate in Compose": (
        "compose.yaml",
        "command: gunicorn",
        "command: sh -c 'python manage.py migrate && gunicorn'",
        "migrate-at-start",
    ),
    "latest in Compose": ("compose.yaml", "acme/shop:1.2", "acme/shop:latest", "latest-deployed"),
    "latest by hand": ("deploy.sh", "acme/shop:1.2", "acme/shop:latest", "latest-deployed"),
    "latest in a workflow": (".github/workflows/tests.yml", "acme/shop:1.2", "acme/shop:latest", "latest-deployed"),
    "DEBUG in settings": ("shop/settings.py", 'os.environ.get("DEBUG", "") == "1"', "True", "debug-on"),
    "DEBUG by default": (
        "shop/settings.py",
        'os.environ.get("DEBUG", "") == "1"',
        'env.bool("DEBUG", default=True)',
        "debug-on",
    ),
    "DEBUG in the image": ("Dockerfile", "USER 10001", "ENV DEBUG=True\nUSER 10001", "debug-on"),
    "DEBUG in ferryman.toml": ("ferryman.toml", 'LOG_LEVEL = "info"', 'DEBUG = "true"', "debug-on"),
    "SECRET_KEY in settings": (
        "shop/settings.py",
        'os.environ["SECRET_KEY"]',
        '"django-insecure-x"',
        "default-secret-key",
    ),
    "SECRET_KEY by default": (
        "shop/settings.py",
        'os.environ["SECRET_KEY"]',
        'os.environ.get("SECRET_KEY", "changeme")',
        "default-secret-key",
    ),
    "a development server": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        'CMD ["python", "manage.py", "runserver", "0.0.0.0:8000"]',
        "development-server",
    ),
    "gunicorn on loopback": ("Dockerfile", "--bind=0.0.0.0:8000", "--bind=127.0.0.1:8000", "loopback-bind"),
    "uvicorn on loopback by default": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        'CMD ["uvicorn", "shop.asgi:application", "--port=8000"]',
        "loopback-bind",
    ),
    "another port": ("Dockerfile", "0.0.0.0:8000", "0.0.0.0:8080", "other-port"),
    "another port of a role's command": (
        "ferryman.toml",
        'health = "/health/"\n',
        'command = ["gunicorn", "-b", ":9000", "shop.wsgi"]\nhealth = "/health/"\n',
        "other-port",
    ),
    "settings that can't be parsed": (
        "shop/settings.py",
        'ROOT_URLCONF = "shop.urls"',
        "ROOT_URLCONF = (",
        "settings-broken",
    ),
    "SECRET_KEY in the image": ("Dockerfile", "USER 10001", "ENV SECRET_KEY=abc\nUSER 10001", "default-secret-key"),
}
RIGHT = {
    "domain by its parent": (
        "shop/settings.py",
        'os.environ.get("ALLOWED_HOSTS", "localhost").split(",")',
        '[".example.com"]',
    ),
    "exec in a shell": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        'CMD ["sh", "-c", "exec gunicorn shop.wsgi"]',
    ),
    "exec in shell form": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        "CMD exec gunicorn --bind=0.0.0.0:$PORT shop.wsgi",
    ),
    "a shell below dumb-init": (
        "Dockerfile",
        'CMD ["gunicorn", "--bind=0.0.0.0:8000", "shop.wsgi"]',
        'ENTRYPOINT ["dumb-init", "--"]\nCMD ["sh", "-c", "gunicorn shop.wsgi"]',
    ),
    "a command that replaces CMD": (
        "ferryman.toml",
        'health = "/health/"\n',
        'command = ["gunicorn", "shop.wsgi"]\nhealth = "/health/"\n',
    ),
    "a Compose file that builds": (
        "compose.yaml",
        "    image: acme/shop:1.2\n",
        "    build: .\n    environment: [DEBUG=1]\n",
    ),
    "the key of a Git host": ("deploy.sh", "ssh deploy@", "ssh-keyscan -t rsa github.com >> known_hosts; ssh deploy@"),
    "the key of a Git host in a workflow": (
        ".github/workflows/tests.yml",
        "docker run --rm acme/shop:1.2",
        "ssh-keyscan -H gitlab.com >> ~/.ssh/known_hosts",
    ),
    "a container of a job": (
        ".github/workflows/tests.yml",
        "docker run --rm acme/shop:1.2",
        "docker run -p 5432:5432 postgres:latest",
    ),
    "https behind a proxy": (
        "shop/settings.py",
        "import os\n",
        'import os\nSECURE_SSL_REDIRECT = True\nSECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")\n',
    ),
    "https but for the health path": (
        "shop/settings.py",
        "import os\n",
        'import os\nSECURE_SSL_REDIRECT = True\nSECURE_REDIRECT_EXEMPT = ["^health/$"]\n',
    ),
    "a pattern that Django refuses": (
        "shop/settings.py",
        "import os\n",
        'import os\nSECURE_SSL_REDIRECT = True\nSECURE_REDIRECT_EXEMPT = ["(", "^health/$"]\n',
    ),
    "a secret of the build stage": ("Dockerfile", "RUN pip", "ENV SECRET_KEY=unused\nRUN pip"),
    "a comment": ("deploy.sh", "ssh deploy", "# docker pull acme/shop:latest\nssh deploy"),
    "looked at and let pass": (
        "deploy.sh",
        "ssh deploy",
        "# ferryman: ignore[latest-deployed] a test\ndocker pull acme/shop:latest\nssh deploy",
    ),
}


def test_what_is_right_has_no_finding(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert found_in(tmp_path) == []


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, name: str) -> None:
    file, before, instead, code = BAD[name]
    assert GOOD[file].count(before) >= 1
    changed = GOOD[file].replace(before, instead, 1)
    write(tmp_path, {**GOOD, file: changed})
    found = [finding for finding in found_in(tmp_path) if finding.code == code]
    assert [finding.code for finding in found_in(tmp_path)] == [code]
    assert all(finding.why and finding.fix and "\n" not in finding.why for finding in found)
    if code == "stop-grace-too-short":
        assert (found[0].path, found[0].line) == ("ferryman.toml", 6)
        return
    if code == "health-redirects":
        assert (found[0].path, found[0].line) == ("ferryman.toml", 5)
        return
    first = changed[: GOOD[file].index(before)].count("\n") + 1
    last = first + instead.count("\n")
    assert found[0].path == file
    if instead and code != "root-user":
        assert first <= found[0].line <= last


@pytest.mark.parametrize("name", RIGHT)
def test_what_only_looks_like_a_mistake_is_let_pass(tmp_path: Path, name: str) -> None:
    file, before, instead = RIGHT[name]
    assert before in GOOD[file]
    write(tmp_path, {**GOOD, file: GOOD[file].replace(before, instead, 1)})
    if name == "a secret of the build stage":
        write(
            tmp_path,
            {"Dockerfile": GOOD["Dockerfile"].replace("FROM base\n", "FROM python:3.13\n").replace(before, instead)},
        )
    assert found_in(tmp_path) == []


def test_an_entrypoint_script_that_migrates_is_found_in_the_script(tmp_path: Path) -> None:
    docker = GOOD["Dockerfile"].replace("USER 10001", 'USER 10001\nENTRYPOINT ["/app/start.sh"]')
    write(tmp_path, {**GOOD, "Dockerfile": docker, "start.sh": '#!/bin/sh\npython manage.py migrate\nexec "$@"\n'})
    assert [(finding.path, finding.line, finding.code) for finding in found_in(tmp_path)] == [
        ("start.sh", 2, "migrate-at-start")
    ]


def test_drift_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    drift = Drift(".github/workflows/cleanup.yaml", State.CHANGED, "a difference")
    (finding,) = found_in(tmp_path, [drift])
    assert (finding.code, finding.level, finding.path) == ("workflow-drift", "warning", drift.path)


def test_a_project_that_init_has_taken_in_has_no_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    (folder / "requirements.txt").write_text("django~=5.2.0\n")
    write_project(folder, is_quick=True)
    assert [(finding.code, finding.level) for finding in found_in(folder)] == [("unpinned-host-key", "warning")]


def test_the_command_tells_each_finding_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ferryman.errors import FerrymanError

    write(tmp_path, {**GOOD, "deploy.sh": "docker pull acme/shop:latest\n"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    runner = CliRunner()
    shown = runner.invoke(app, ["check", "--quick"])
    assert isinstance(shown.exception, FerrymanError)
    assert (shown.exception.code, shown.exception.exit_status) == ("deploy-mistakes", 1)
    assert "deploy.sh:1: error: acme/shop:latest is another image from day to day" in shown.stdout
    github = runner.invoke(app, ["check", "--quick", "--format", "github"]).stdout.splitlines()
    assert [
        line for line in github if line.startswith("::error file=deploy.sh,line=1,title=latest-deployed::acme/shop")
    ]
    listed = json.loads(runner.invoke(app, ["check", "--quick", "--json"]).stdout)["findings"]
    assert {"code": "latest-deployed", "level": "error", "path": "deploy.sh", "line": 1}.items() <= listed[-1].items()
    assert "| latest-deployed | deploy.sh:1 |" in (tmp_path / "summary.md").read_text()
