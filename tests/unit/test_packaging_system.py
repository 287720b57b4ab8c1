"""Debian's packages for Python's: by name, by Django's app, by what had to be compiled."""

from __future__ import annotations

from ferryman.packaging.dependencies import find_dependencies
from ferryman.packaging.locks import loosened
from ferryman.packaging.stated import Packaging
from ferryman.packaging.system import libraries


def test_wheels_alone_need_nothing() -> None:
    found = libraries({"django", "psycopg", "psycopg-binary", "pillow"})
    assert (found.run, found.build) == ((), ())


def test_a_driver_without_its_library_gets_it_and_what_compiles_it() -> None:
    found = libraries({"psycopg2"})
    assert found.run == ("libpq5",)
    assert "libpq-dev" in found.build
    assert libraries({"psycopg"}).run == ("libpq5",)


def test_geodjango_loads_gdal() -> None:
    assert libraries({"django"}, {"django.contrib.gis"}).run == ("gdal-bin",)


def test_a_package_that_was_compiled_here_gets_a_compiler() -> None:
    assert "g++" in libraries({"django"}, (), {"pyodd"}).build


def test_a_member_of_a_workspace_is_installed_by_the_lock_around_it() -> None:
    lock = (
        'version = 1\n[[package]]\nname = "shop"\nversion = "0.1"\nsource = { editable = "apps/shop" }\n'
        'dependencies = [{ name = "django" }, { name = "lib" }]\n'
        '[[package]]\nname = "lib"\nversion = "0.1"\nsource = { editable = "libs/lib" }\n'
        '[[package]]\nname = "django"\nversion = "5.2"\n'
    )
    texts = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["apps/*", "libs/*"]\n',
        "uv.lock": lock,
        "apps/shop/pyproject.toml": '[project]\nname = "shop"\nversion = "0.1"\ndependencies = ["django", "lib"]\n',
    }
    found = find_dependencies(texts, ["apps/shop", "apps", ""])
    assert (found.packaging, found.folder, found.member) == (Packaging.UV, "", "shop")
    assert found.names == {"lib", "django"}
    assert found.is_local


def test_what_comes_from_git_needs_git() -> None:
    for text in ("lib @ git+https://example.invalid/lib.git@abc\n", "-e git+https://example.invalid/lib.git#egg=lib\n"):
        found = find_dependencies({"requirements.txt": "django\n" + text}, [""])
        assert found.needs_git
        assert not found.is_local
    assert not find_dependencies({"requirements.txt": "django\ngitpython\n"}, [""]).needs_git


def test_paths_of_the_repository_are_told_from_the_index() -> None:
    for line in ("-e .", "./libs/lib", '-e "."', "--editable ./lib", ".[extra]", "lib @ file:./lib"):
        assert find_dependencies({"requirements.txt": f"django\n{line}\n"}, [""]).is_local, line
    for line in ("-r ./base.txt", "django-environ", "lib==1.0"):
        assert not find_dependencies({"requirements.txt": f"django\n{line}\n"}, [""]).is_local, line


def test_requirements_are_loosened_line_by_line() -> None:
    text = (
        "-r base.txt\nlib[x] @ git+https://example.invalid/lib.git@abc ; python_version > '3.8'\n"
        '-e git+ssh://git@example.invalid/other.git#egg=other\n-e "."\ndjango==5.2 \\\n    --hash=sha256:00\n'
    )
    assert loosened(text).split("\n") == ["lib[x] ; python_version > '3.8'", "other", "-e .", "django==5.2", ""]
