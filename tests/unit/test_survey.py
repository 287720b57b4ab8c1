"""`init` asks the project: small projects of one oddity each, whose answers lead to the right files or to a refusal."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from project import URLS, Oddity, Taken, take_in
from survey_cases import (
    CAKES,
    DEBUG,
    FORMS,
    HEALTH,
    HEALTHS,
    IMPORTS,
    LITERAL,
    REFUSED,
    SECRET,
    WITH_CAKES,
)

from ferryman.errors import Refused
from ferryman.project.asked.asking import OlderPython, ask_with
from ferryman.project.detection import detect
from ferryman.project.tree import read_tree
from ferryman.survey import workspace
from ferryman.survey.survey import Survey


def taken(tmp_path: Path, oddity: Oddity) -> Taken:
    return take_in(oddity, tmp_path)


def test_a_project_that_reads_all_from_the_environment_gets_no_settings_of_its_own(tmp_path: Path) -> None:
    found = taken(tmp_path, Oddity("plain"))
    assert found.findings.production == {}
    assert found.configuration["app"]["roles"]["web"]["health"] == "/health/"
    assert "env" not in found.configuration["app"]
    assert "shop.settings" in found.planned["Dockerfile"]
    assert found.findings.is_run


@pytest.mark.parametrize(("replaced", "expected"), LITERAL.values(), ids=LITERAL.keys())
def test_what_the_settings_lack_is_set_beside_them(tmp_path: Path, replaced: dict[str, str], expected: str) -> None:
    found = taken(tmp_path, Oddity("lacks", replaced))
    assert expected in found.production
    assert "DJANGO_SETTINGS_MODULE=shop.settings_production" in found.planned["Dockerfile"]
    assert found.findings.unknown[1:] == ()


@pytest.mark.parametrize(("added", "name", "value"), FORMS.values(), ids=FORMS.keys())
def test_a_required_variable_gets_a_stand_in_of_its_form(tmp_path: Path, added: str, name: str, value: str) -> None:
    found = taken(tmp_path, Oddity("needs", added=f"\n{added}\n"))
    assert found.configuration["app"]["env"]["required"] == [name]
    assert value in found.configuration["rehearsal"]["env"][name]
    assert f"{name}=" in found.planned["Dockerfile"]
    assert any(f"production needs {name}: set each with `ferryman env set`" in told for told in found.findings.unknown)


def test_a_variable_with_a_default_is_not_required(tmp_path: Path) -> None:
    found = taken(tmp_path, Oddity("default", added='\nX = os.environ.get("X", "x")\nY = os.getenv("Y")\n'))
    assert "env" not in found.configuration["app"]


def test_debug_that_a_variable_switches_off_is_switched_off_by_it(tmp_path: Path) -> None:
    replaced = {DEBUG: 'DEBUG = os.environ.get("SHOP_DEBUG", "True") == "True"'}
    found = taken(tmp_path, Oddity("debug", replaced, 'if DEBUG:\n    INSTALLED_APPS += ["not_installed_here"]\n'))
    assert found.configuration["app"]["env"]["values"] == {"SHOP_DEBUG": "False"}


def test_files_have_a_volume_where_the_settings_put_them(tmp_path: Path) -> None:
    kept = 'MEDIA_ROOT = BASE_DIR.parent / "uploads"\n'
    found = taken(tmp_path, Oddity("media", WITH_CAKES, f"\n{kept}", CAKES))
    assert found.configuration["app"]["volumes"] == {"media": "/uploads"}
    assert "FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT" in found.production


@pytest.mark.parametrize(
    ("root", "volumes"),
    [
        ('BASE_DIR / "shop" / "media"', {"media": "/app/shop/media"}),
        ('os.environ.get("MEDIA_ROOT", "/srv/media")', {"media": "/srv/media"}),
        ("BASE_DIR", {}),
    ],
)
def test_a_place_for_files_is_kept_though_no_model_has_one(tmp_path: Path, root: str, volumes: dict[str, str]) -> None:
    found = taken(tmp_path, Oddity("media", added=f"\nMEDIA_ROOT = {root}\n"))
    assert found.configuration["app"].get("volumes", {}) == volumes


def test_files_without_a_place_get_one(tmp_path: Path) -> None:
    found = taken(tmp_path, Oddity("media", WITH_CAKES, "", CAKES))
    assert found.configuration["app"]["volumes"] == {"media": "/app/media"}
    assert 'MEDIA_ROOT = Path(__file__).resolve().parents[1] / "media"' in found.production


@pytest.mark.parametrize(("entry", "expected"), HEALTHS.values(), ids=HEALTHS.keys())
def test_health_is_a_path_that_answered(tmp_path: Path, entry: str, expected: str) -> None:
    urls = URLS.replace(HEALTH, entry)
    if expected == "/health":
        urls = urls.replace('path("admin/", admin.site.urls), ', "")
    found = taken(tmp_path, Oddity("health", files={"shop/urls.py": IMPORTS + urls}))
    assert found.configuration["app"]["roles"]["web"]["health"] == expected
    assert ("shop/health_production.py" in found.findings.production) == (expected == "/health")


@pytest.mark.parametrize(("oddity", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_not_be_run_is_refused_with_the_reason(tmp_path: Path, oddity: Oddity, code: str) -> None:
    with pytest.raises(Refused) as caught:
        taken(tmp_path, oddity)
    assert caught.value.code == code
    assert caught.value.state == "nothing was written"
    assert caught.value.hint


def test_of_several_settings_the_one_of_production_is_taken(tmp_path: Path) -> None:
    files = {
        "shop/settings/__init__.py": "",
        "shop/settings/base.py": "",
        "shop/settings/dev.py": "from shop.settings.base import *\nDEBUG = True\n",
        "shop/settings/prod.py": "from shop.settings.base import *\n",
        "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings.dev')\n",
    }
    oddity = Oddity("several", files=files)
    texts = oddity.texts()
    settings = texts.pop("shop/settings.py").replace(".parent.parent", ".parent.parent.parent")
    found = take_in(Oddity("several", files={**files, "shop/settings/base.py": settings}), tmp_path)
    assert found.findings.settings.module == "shop.settings.prod"
    assert "the settings are shop.settings.prod: its name says so" in found.findings.notes


def test_a_settings_module_that_can_not_be_loaded_is_said_first(tmp_path: Path) -> None:
    found = taken(tmp_path, Oddity("broken", added="\nimport a_module_that_nobody_has\n"))
    first = found.findings.unknown[0]
    assert "ModuleNotFoundError: No module named 'a_module_that_nobody_has' (shop/settings.py, line" in first
    assert not found.findings.is_run


def test_what_the_code_tries_to_reach_is_not_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        added = f"import socket\ntry:\n    socket.create_connection({address})\nexcept OSError:\n    pass\n"
        assert taken(tmp_path, Oddity("reaches", added=added)).findings.is_run
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_older_python_that_is_not_here_is_asked_for_once(tmp_path: Path) -> None:
    gone = {"telnetlib.py": 'raise ImportError("gone", name="telnetlib")'}
    oddity = Oddity("old", added="\nimport telnetlib\n", files=gone)
    workspace.add(tmp_path, oddity.texts())
    texts = read_tree(tmp_path)
    survey = Survey(tmp_path, tmp_path, Path(sys.executable), "3.13")
    with pytest.raises(OlderPython) as older:
        ask_with(survey, detect(texts, "shop"), texts)
    assert older.value.python == "3.12"
    assert not ask_with(survey, replace(detect(texts, "shop"), python="3.12"), texts).is_run


def test_one_variable_that_must_be_an_address_does_not_hide_where_the_others_lead(tmp_path: Path) -> None:
    replaced = {SECRET: 'SECRET_KEY = os.environ.get("SHOP_SECRET", "x" * 50)'}
    parsed = '\nSEARCH = os.environ.get("SEARCH_URL", "https://a.example")\nassert urlsplit(SEARCH).hostname\n'
    found = taken(tmp_path, Oddity("address", replaced, parsed))
    assert found.configuration["app"]["env"]["secret_key"] == "SHOP_SECRET"
