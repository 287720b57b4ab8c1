"""What `init` finds out about a project, from the text of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from ferryman.errors import UsageError
from ferryman.packaging.stated import Packaging
from ferryman.project.detection import detect

MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = 'django-insecure-x'
DEBUG = True
ALLOWED_HOSTS = []
INSTALLED_APPS = ['django.contrib.admin', 'django.contrib.staticfiles']
ROOT_URLCONF = 'shop.urls'
WSGI_APPLICATION = 'shop.wsgi.application'
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}
"""
URLS = "from django.contrib import admin\nurlpatterns = [path('admin/', admin.site.urls)]\n"
PROJECT = {
    "manage.py": MANAGE,
    "shop/settings.py": SETTINGS,
    "shop/urls.py": URLS,
    "shop/wsgi.py": "",
    "requirements.txt": "Django~=5.2\ndjangorestframework\n",
}


def project(changes: Mapping[str, str], *, without: tuple[str, ...] = ()) -> dict[str, str]:
    return {path: text for path, text in {**PROJECT, **changes}.items() if path not in without}


def test_a_plain_project_is_understood() -> None:
    findings = detect(PROJECT, "My Shop")

    assert (findings.name, findings.image, findings.context, findings.inner) == ("my-shop", "my-shop/my-shop", "", "")
    assert findings.settings.module == "shop.settings"
    assert findings.application == "shop.wsgi:application"
    assert findings.dependencies.packaging is Packaging.REQUIREMENTS
    assert findings.dependencies.names == {"django", "djangorestframework"}
    assert findings.lacking == ("gunicorn", "psycopg")
    assert findings.health == "/admin/login/"
    assert findings.settings.fixed >= {"SECRET_KEY", "DEBUG", "ALLOWED_HOSTS"}
    assert findings.settings.uses_staticfiles
    assert not findings.settings.sets_static_root
    assert not findings.settings.reads_database_url


def test_a_folder_without_a_django_project_is_said() -> None:
    with pytest.raises(UsageError) as caught:
        detect({"manage.py": "print('not Django')\n"}, "x")

    assert caught.value.code == "no-manage-py"


@pytest.mark.parametrize(
    ("folder_name", "name"), [("shop", "shop"), ("2_Shop.API", "shop-api"), ("___", "app"), ("a" * 40, "a" * 31)]
)
def test_the_apps_name_comes_from_the_folder(folder_name: str, name: str) -> None:
    assert detect(PROJECT, folder_name).name == name


@pytest.mark.parametrize(
    "url", ["git@code.example.com:Acme-Team/shop.git", "https://code.example.com/Acme-Team/shop.git"]
)
def test_the_images_owner_comes_from_the_remote(url: str) -> None:
    findings = detect(project({".git/config": f'[remote "origin"]\n\turl = {url}\n'}), "shop")

    assert findings.image == "acme-team/shop"


UV_LOCK = '[[package]]\nname = "django"\n[[package]]\nname = "gunicorn"\n[[package]]\nname = "psycopg-binary"\n'
PYPROJECT = '[project]\nname = "shop"\ndependencies = ["Django>=5", "psycopg[binary]>=3"]\n'


@pytest.mark.parametrize(
    ("files", "packaging", "first_files", "lacking"),
    [
        ({"uv.lock": UV_LOCK, "pyproject.toml": PYPROJECT}, Packaging.UV, ("pyproject.toml", "uv.lock"), ()),
        (
            {"poetry.lock": UV_LOCK, "pyproject.toml": "[tool.poetry]\n"},
            Packaging.POETRY,
            ("pyproject.toml", "poetry.lock"),
            (),
        ),
        (
            {"Pipfile": "", "Pipfile.lock": json.dumps({"default": {"Gunicorn": {}}})},
            Packaging.PIPENV,
            ("Pipfile", "Pipfile.lock"),
            ("psycopg",),
        ),
        ({"pyproject.toml": PYPROJECT}, Packaging.PYPROJECT, ("pyproject.toml",), ("gunicorn",)),
        (
            {"requirements/production.txt": "-r base.txt\ngunicorn\n", "requirements/base.txt": "psycopg2-binary\n"},
            Packaging.REQUIREMENTS,
            ("requirements/production.txt", "requirements/base.txt"),
            (),
        ),
        ({}, Packaging.NONE, (), ("gunicorn", "psycopg")),
    ],
    ids=["uv", "poetry", "pipenv", "pyproject", "requirements", "none"],
)
def test_every_way_to_state_dependencies_is_known(
    files: dict[str, str], packaging: Packaging, first_files: tuple[str, ...], lacking: tuple[str, ...]
) -> None:
    findings = detect(project(files, without=("requirements.txt",)), "shop")

    assert findings.dependencies.packaging is packaging
    assert findings.dependencies.files == first_files
    assert findings.lacking == lacking


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({}, "3.13"),
        ({".python-version": "3.12.4\n"}, "3.12"),
        ({"runtime.txt": "python-3.11.9"}, "3.11"),
        ({"Pipfile": '[requires]\npython_version = "3.12"\n'}, "3.12"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.10"\n'}, "3.13"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.14"\n'}, "3.14"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.13"\n'}, "3.12"),
        ({"pyproject.toml": '[project]\nrequires-python = "==3.11.*"\n'}, "3.11"),
        ({"pyproject.toml": '[project]\nrequires-python = "~=3.12.0"\n'}, "3.12"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\n'}, "3.13"),
    ],
)
def test_the_python_is_3_13_unless_the_project_says_another(files: dict[str, str], python: str) -> None:
    assert detect(project(files), "shop").python == python


@pytest.mark.parametrize(
    ("urls", "health"),
    [
        ("path('admin/', admin.site.urls), path('health/live', v), path('health/ready', v)", "/health/ready"),
        ("path('admin/', admin.site.urls), path('healthz/', v)", "/healthz/"),
        ("path('admin/', admin.site.urls), path('api/', include('shop.api'))", "/api/ping/"),
        ("path('', views.index), path('admin/', admin.site.urls)", "/"),
        ("path('', include(router.urls)), path('backstage/', admin.site.urls)", "/backstage/login/"),
        ("path('items/<int:pk>/status', v), path('admin/', admin.site.urls)", "/admin/login/"),
        ("path('api/', include(router.urls))", "/"),
    ],
)
def test_the_health_path_is_one_that_answers_without_a_login(urls: str, health: str) -> None:
    files = {"shop/urls.py": f"urlpatterns = [{urls}]\n", "shop/api.py": "", "shop/api/__init__.py": ""}
    files["shop/api.py"] = "urlpatterns = [path('ping/', v)]\n"

    findings = detect(project(files), "shop")

    assert findings.health == health
    is_asked = any("health" in question for question in findings.unknown)
    assert is_asked == (health.endswith("/login/") or "api/', include(router" in urls)


def test_a_private_api_at_the_root_is_no_health_check() -> None:
    settings = (
        SETTINGS + "REST_FRAMEWORK = {'DEFAULT_PERMISSION_CLASSES': ['rest_framework.permissions.IsAuthenticated']}\n"
    )
    urls = "urlpatterns = [path('', views.index), path('admin/', admin.site.urls)]\n"

    assert detect(project({"shop/settings.py": settings, "shop/urls.py": urls}), "shop").health == "/admin/login/"


def test_a_project_in_a_subfolder_is_built_from_the_folder_of_its_dependencies() -> None:
    moved = {f"backend/src/{path}": text for path, text in PROJECT.items() if path != "requirements.txt"}

    findings = detect({**moved, "backend/requirements.txt": "django\n"}, "shop")

    assert (findings.manage, findings.context, findings.inner) == ("backend/src", "backend", "src")
    assert findings.settings.path == "backend/src/shop/settings.py"


def test_settings_that_build_on_others_are_read_together() -> None:
    files = {
        "manage.py": MANAGE.replace("shop.settings", "shop.settings.local"),
        "shop/settings/__init__.py": "",
        "shop/settings/base.py": SETTINGS,
        "shop/settings/local.py": "from .base import *\n",
        "shop/settings/production.py": "from .base import *\nimport os\nDEBUG = os.environ.get('DEBUG') == '1'\n"
        "ALLOWED_HOSTS = os.environ['HOSTS'].split(',')\nSTATIC_ROOT = BASE_DIR / 'public' / 'static'\n",
    }

    findings = detect(project(files, without=("shop/settings.py",)), "shop")

    assert findings.settings.module == "shop.settings.production"
    assert findings.application == "shop.wsgi:application"
    assert findings.settings.static_root == "public/static"
    assert findings.settings.hosts_variable == "HOSTS"
    assert findings.settings.required == ("HOSTS",)
    assert findings.settings.fixed & {"SECRET_KEY", "DEBUG", "ALLOWED_HOSTS"} == {"SECRET_KEY"}
    assert any("shop.settings.production was taken" in question for question in findings.unknown)


@pytest.mark.parametrize(
    ("line", "required"),
    [
        ("KEY = os.environ['STRIPE_KEY']", ("STRIPE_KEY",)),
        ("KEY = env('STRIPE_KEY')", ("STRIPE_KEY",)),
        ("KEY = env.str('STRIPE_KEY')", ("STRIPE_KEY",)),
        ("KEY = config('STRIPE_KEY')", ("STRIPE_KEY",)),
        ("KEY = config('STRIPE_KEY', default='')", ()),
        ("KEY = os.environ.get('STRIPE_KEY')", ()),
        ("KEY = os.environ['SECRET_KEY']", ()),
    ],
)
def test_variables_without_which_the_settings_do_not_load_are_required(line: str, required: tuple[str, ...]) -> None:
    assert detect(project({"shop/settings.py": f"{SETTINGS}{line}\n"}), "shop").settings.required == required


def test_a_project_with_channels_is_served_as_asgi_and_asked_about() -> None:
    files = {
        "shop/settings.py": SETTINGS + "ASGI_APPLICATION = 'shop.asgi.application'\n",
        "shop/asgi.py": "",
        "requirements.txt": "django\nchannels\n",
    }

    findings = detect(project(files), "shop")

    assert (findings.application, findings.is_asgi) == ("shop.asgi:application", True)
    assert "uvicorn" in findings.lacking
    assert any("ASGI" in question for question in findings.unknown)


def test_broken_files_become_questions_and_not_errors() -> None:
    findings = detect(project({"shop/settings.py": "def broken(:\n", "shop/urls.py": "[", "pyproject.toml": "["}), "x")

    assert findings.health == "/"
    assert findings.application == "shop.wsgi:application"
