"""What `init` writes, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ferryman.config import load_configuration
from ferryman.errors import Refused
from ferryman.project.detection import detect, inspect_project
from ferryman.project.dockerfile.writing import _word
from ferryman.project.files import planned_files
from ferryman.project.findings import Findings
from ferryman.project.writing import write_project

PRODUCTION = {"SECRET_KEY": "k" * 60, "DATABASE_URL": "postgresql://u:p@127.0.0.1:5432/d", "ALLOWED_HOSTS": "shop.test"}
OWN = 'FROM python:3.13\nCOPY . .\nUSER 10001\nCMD ["gunicorn", "shop.wsgi"]\n'
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    (folder / "requirements.txt").write_text("django~=5.2.0\ndjangorestframework\n")
    return folder


def test_a_fresh_project_gets_all_it_lacks(project: Path) -> None:
    report = write_project(project, is_quick=True)

    own = ("ferryman.toml", "Dockerfile", ".dockerignore", "shop/settings_production.py", ".gitignore")
    assert report.written[:5] == own
    assert all(path.startswith(".github/") for path in report.written[5:])
    assert report.kept == ()
    configuration = load_configuration(project / "ferryman.toml")
    assert configuration.app.name == "shop"
    assert configuration.app.roles.web.health == "/admin/login/"
    assert configuration.app.env.values == {}  # the agent sets ALLOWED_HOSTS
    assert configuration.database is not None
    assert configuration.database.migrate == ("python", "manage.py", "migrate", "--noinput")
    assert any("gunicorn and psycopg" in question for question in report.unknown)


def test_a_second_run_changes_nothing(project: Path) -> None:
    write_project(project, is_quick=True)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    report = write_project(project, is_quick=True)

    assert report.written == ()
    assert report.kept[:2] == ("ferryman.toml", "Dockerfile")
    assert all(path.startswith(".github/") for path in report.kept[2:])
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_file_that_is_there_is_kept(project: Path) -> None:
    (project / "Dockerfile").write_text(OWN)
    (project / ".gitignore").write_text("*.pyc")

    report = write_project(project, is_quick=True)

    assert (project / "Dockerfile").read_text() == OWN
    assert report.kept == ("Dockerfile",)
    assert any("Dockerfile was there and is kept" in question for question in report.unknown)
    assert (project / ".gitignore").read_text() == "*.pyc\n.ferryman/\n"


UNFIT = {
    "root": ('FROM python:3.13\nCOPY . .\nCMD ["gunicorn", "shop.wsgi"]\n', "it runs as root"),
    "development server": ("FROM x\nCOPY . .\nUSER 1\nCMD python manage.py runserver 0:8000\n", "a development server"),
    "reload": ('FROM x\nCOPY . .\nUSER 1\nCMD ["uvicorn", "a:b", "--reload"]\n', "a development server"),
    "migrates": ("FROM x\nCOPY . .\nUSER 1\nCMD python manage.py migrate && gunicorn x\n", "it migrates at each start"),
    "loopback": ('FROM x\nCOPY . .\nUSER 1\nCMD ["gunicorn", "--bind=127.0.0.1:8000", "x"]\n', "the loopback alone"),
    "no code": ('FROM x\nUSER 1\nCMD ["gunicorn", "x"]\n', "it copies no code"),
    "no command": ("FROM x\nCOPY . .\nUSER 1\n", "it names no command"),
    "another stage": ("FROM x AS a\nUSER 1\nCOPY . .\nCMD gunicorn\nFROM x\nCOPY --from=a /a /a\nCMD run\n", "as root"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), UNFIT.values(), ids=UNFIT.keys())
def test_a_dockerfile_that_can_not_serve_stays_and_ours_is_used(project: Path, text: str, reason: str) -> None:
    (project / "Dockerfile").write_text(text)
    report = write_project(project, is_quick=True)
    assert (project / "Dockerfile").read_text() == text
    assert "Dockerfile.ferryman" in report.written
    assert (project / "Dockerfile.ferryman.dockerignore").is_file()
    assert load_configuration(project / "ferryman.toml").app.dockerfile == "Dockerfile.ferryman"
    assert any(reason in question for question in report.unknown)
    assert write_project(project, is_quick=True).written == ()


def test_a_script_of_the_project_is_read_too(project: Path) -> None:
    (project / "Dockerfile").write_text('FROM x\nCOPY . .\nUSER 1\nENTRYPOINT ["/app/docker/start.sh"]\n')
    (project / "docker").mkdir()
    (project / "docker" / "start.sh").write_text("python manage.py migrate\nexec gunicorn shop.wsgi\n")
    report = write_project(project, is_quick=True)
    assert any("it migrates at each start (docker/start.sh)" in question for question in report.unknown)


@pytest.mark.parametrize(
    ("files", "branch"),
    [
        ({".git/HEAD": "ref: refs/heads/master\n"}, "master"),
        ({".git/HEAD": "ref: refs/heads/a-feature\n"}, "main"),
        ({".git/HEAD": "x\n", ".git/refs/remotes/origin/HEAD": "ref: refs/remotes/origin/trunk\n"}, "trunk"),
    ],
)
def test_pushes_to_the_default_branch_are_deployed(files: dict[str, str], branch: str) -> None:
    text = planned_files(findings_with({"requirements.txt": "django\n", **files}))["ferryman.toml"]
    assert tomllib.loads(text).get("pipeline", {}).get("branch", "main") == branch


def test_nothing_is_written_where_somebody_changed_a_workflow_and_nobody_can_be_asked(project: Path) -> None:
    path = project / ".github/workflows/cleanup.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("name: my own\n")

    with pytest.raises(Refused, match="somebody changed"):
        write_project(project, is_quick=True)

    assert not (project / "ferryman.toml").exists()
    report = write_project(project, lambda _: False, is_quick=True)
    assert (project / "Dockerfile").exists()
    assert ".github/workflows/cleanup.yaml" in report.kept
    assert path.read_text() == "name: my own\n"


def test_settings_that_say_it_all_themselves_get_a_module_of_productions_own(project: Path) -> None:
    write_project(project, is_quick=True)

    text = (project / "shop" / "settings_production.py").read_text()
    assert 'SECRET_KEY = os.environ["SECRET_KEY"]' in text
    assert "from shop.settings import *" in text
    assert "DJANGO_SETTINGS_MODULE=shop.settings_production" in (project / "Dockerfile").read_text()
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=project,
        env={**os.environ, **PRODUCTION, "DJANGO_SETTINGS_MODULE": "shop.settings_production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def findings_with(files: dict[str, str]) -> Findings:
    plain = {
        "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
        "shop/settings.py": "INSTALLED_APPS = ['django.contrib.staticfiles']\nROOT_URLCONF = 'shop.urls'\n"
        "WSGI_APPLICATION = 'shop.wsgi.application'\nMEDIA_ROOT = BASE_DIR / 'media'\n"
        "STATIC_ROOT = BASE_DIR / 'public'\nKEY = os.environ['STRIPE_KEY']\n",
    }
    return detect({**plain, **files}, "shop")


PACKAGINGS = {
    "requirements": {"requirements/production.txt": "-r base.txt\n", "requirements/base.txt": "django\n"},
    "psycopg2": {"requirements.txt": "django\npsycopg2\ngunicorn\n"},
    "uv": {"uv.lock": "", "pyproject.toml": "[project]\n"},
    "poetry": {"poetry.lock": "", "pyproject.toml": "[project]\n"},
    "pipenv": {"Pipfile": "", "Pipfile.lock": "{}"},
    "pyproject": {"pyproject.toml": '[project]\ndependencies = ["django"]\n'},
    "none": {},
    "asgi": {"requirements.txt": "django\nuvicorn\n", "shop/asgi.py": ""},
}


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
@pytest.mark.parametrize("files", PACKAGINGS.values(), ids=PACKAGINGS.keys())
def test_the_dockerfile_has_no_finding(files: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(planned_files(findings_with(files))["Dockerfile"])

    result = subprocess.run([str(HADOLINT), str(path)], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (0, "")


def test_the_dockerfile_keeps_to_what_old_engines_know_and_runs_without_root() -> None:
    text = planned_files(findings_with(PACKAGINGS["uv"]))["Dockerfile"]

    assert "# syntax" not in text
    assert "<<" not in text
    assert "USER 10001:10001" in text
    assert 'CMD ["gunicorn", ' in text
    assert text.index("uv sync") < text.index("COPY . /app")
    assert "@sha256:" in text


def test_files_that_the_app_writes_get_a_volume_that_its_user_owns() -> None:
    planned = planned_files(findings_with({"requirements.txt": "django\n"}))

    assert tomllib.loads(planned["ferryman.toml"])["app"]["volumes"] == {"media": "/app/media"}
    assert "install --directory --owner=10001 --group=10001 /app/media" in planned["Dockerfile"]


def test_required_variables_are_written_down() -> None:
    planned = planned_files(findings_with({}))

    assert tomllib.loads(planned["ferryman.toml"])["app"]["env"] == {"required": ["STRIPE_KEY"]}


def test_a_virtual_environment_in_the_folder_is_not_searched(project: Path) -> None:
    inner = project / "myenv" / "lib"
    inner.mkdir(parents=True)
    (project / "myenv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (inner / "manage.py").write_text((project / "manage.py").read_text())

    assert not any("several manage.py" in question for question in inspect_project(project).unknown)


def test_another_dockerfile_is_written_beside_one_that_seems_fit_when_that_is_asked_for(project: Path) -> None:
    (project / "Dockerfile").write_text(OWN)
    write_project(project, is_quick=True)
    report = write_project(project, is_quick=True, keeps_dockerfile=False)

    assert "Dockerfile.ferryman" in report.written
    assert (project / "Dockerfile").read_text() == OWN
    assert 'ferryman.toml was there: set dockerfile = "Dockerfile.ferryman" in its [app]' in report.notes


def test_an_ignore_file_of_the_projects_is_not_asked_for_our_build(project: Path) -> None:
    (project / ".dockerignore").write_text("shop\n")
    report = write_project(project, is_quick=True)

    assert "Dockerfile.dockerignore" in report.written
    assert (project / ".dockerignore").read_text() == "shop\n"


def test_a_value_of_several_lines_stays_on_one_line_of_the_dockerfile() -> None:
    value = "-----BEGIN KEY-----\n100%\\\n"
    word = _word(value)
    shown = subprocess.run(["sh", "-c", f"printf %s {word}"], capture_output=True, text=True, check=True).stdout
    assert "\n" not in word
    assert shown == value.rstrip("\n")
