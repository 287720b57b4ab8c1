"""Which web assets Node builds: by what is missing of Git, by package.json, locks and versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ferryman.packaging.node import Assets, find_assets


def manifest(**found: Any) -> str:
    return json.dumps(found)


BUILD = manifest(scripts={"build": "vite build", "dev": "vite"})
YARN = "# yarn lockfile v1\n"
NPM = '{"lockfileVersion": 3}'


def needed(
    texts: dict[str, str], missing: list[str] | None = None, apps: set[str] | None = None, context: str = ""
) -> Assets:
    found = find_assets(texts, missing or [], apps or set(), context)
    assert found is not None
    return found


def test_a_project_without_package_json_needs_no_node() -> None:
    assert find_assets({"manage.py": ""}, ["static/dist"], {"django_vite"}, "") is None


def test_a_frontend_of_its_own_is_not_the_services() -> None:
    assert find_assets({"frontend/package.json": BUILD, "frontend/yarn.lock": YARN}, [], set(), "") is None


def test_a_build_in_the_projects_folder_is_its_own() -> None:
    found = needed({"package.json": BUILD, "package-lock.json": NPM})
    (package,) = found.packages
    assert package.install == ("npm ci",)
    assert package.build == ("npm run build",)
    assert package.files == ("package.json", "package-lock.json")
    assert not found.keeps_modules


def test_what_is_missing_in_a_folder_is_built_there() -> None:
    found = needed({"frontend/package.json": BUILD, "frontend/yarn.lock": YARN}, ["frontend/dist"])
    assert [package.folder for package in found.packages] == ["frontend"]
    assert found.packages[0].install == ("yarn install --frozen-lockfile",)


def test_what_is_missing_elsewhere_is_built_by_whoever_builds() -> None:
    texts = {"ui/package.json": BUILD, "tools/package.json": manifest(scripts={"lint": "eslint"})}
    assert [package.folder for package in needed(texts, ["shop/static/dist"]).packages] == ["ui"]


def test_a_bundler_among_the_apps_wants_its_manifest() -> None:
    assert needed({"ui/package.json": BUILD}, apps={"webpack_loader"}).packages[0].folder == "ui"


def test_files_of_node_modules_are_kept_for_collectstatic() -> None:
    found = needed({"package.json": manifest(dependencies={"bootstrap": "5"})}, ["node_modules"])
    assert found.keeps_modules
    assert found.packages[0].install == ("npm install",)
    assert found.packages[0].build == ()


@pytest.mark.parametrize(
    ("scripts", "chosen"),
    [
        (("build", "build:prod"), ("build:prod",)),
        (("build:css", "build:js", "build:watch", "start"), ("build:css", "build:js")),
        (("prod", "dev"), ("prod",)),
    ],
)
def test_the_build_for_production_is_chosen(scripts: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    found = needed({"package.json": manifest(scripts=dict.fromkeys(scripts, "x"))})
    assert found.packages[0].build == tuple(f"npm run {name}" for name in chosen)


def test_workspaces_are_installed_by_their_root() -> None:
    root = manifest(workspaces=["packages/*"], scripts={"build": "x"})
    found = needed({"package.json": root, "packages/a/package.json": BUILD, "package-lock.json": NPM})
    assert [package.folder for package in found.packages] == [""]
    assert "packages/a/package.json" in found.packages[0].files


def test_packages_that_need_each_other_are_built_in_order() -> None:
    texts = {
        "apps/admin/package.json": manifest(scripts={"build": "x"}, dependencies={"common": "link:../common"}),
        "apps/common/package.json": BUILD,
    }
    found = needed(texts, ["apps/admin/static/dist"])
    assert [package.folder for package in found.packages] == ["apps/common", "apps/admin"]


MANAGERS = {
    "pnpm": ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, {}, "pnpm install --frozen-lockfile"),
    "a later yarn": ({"yarn.lock": "__metadata:\n  version: 8\n"}, {}, "yarn install --immutable"),
    "the named one of two": (
        {"yarn.lock": YARN, "package-lock.json": NPM},
        {"packageManager": "yarn@1.22.22"},
        "yarn install --frozen-lockfile",
    ),
    "npm where nothing is said": ({}, {}, "npm install"),
}


@pytest.mark.parametrize("case", MANAGERS)
def test_the_manager_is_the_locks(case: str) -> None:
    locks, stated, last = MANAGERS[case]
    found = needed({"package.json": manifest(scripts={"build": "x"}, **stated), **locks})
    assert found.packages[0].install[-1] == last


VERSIONS = {
    "": 24, ">=24": 24, ">=20 <22": 20, "^22.1.0": 22, "18.x": 18, ">= 16 || >= 18": 24, "<=20": 20, ">20": 24,
}  # fmt: skip


@pytest.mark.parametrize("bounds", VERSIONS)
def test_node_is_the_version_that_engines_allows(bounds: str) -> None:
    engines = {"node": bounds} if bounds else {}
    found = needed({"package.json": manifest(scripts={"build": "x"}, engines=engines)})
    assert found.node == VERSIONS[bounds]


def test_nvmrc_names_the_version() -> None:
    assert needed({"package.json": BUILD, ".nvmrc": "v20.11.1\n"}).node == 20


def test_an_old_webpack_needs_old_hashes() -> None:
    lock = json.dumps({"packages": {"node_modules/webpack": {"version": "4.46.0"}}}, indent=2)
    assert needed({"package.json": BUILD, "package-lock.json": lock}).is_old_webpack
    assert needed({"package.json": BUILD, "yarn.lock": 'webpack@^4.0.0:\n  version "4.46.0"\n'}).is_old_webpack
    new = 'webpack@^5.0.0:\n  version "5.90.0"\n'
    assert not needed({"package.json": BUILD, "yarn.lock": new}).is_old_webpack


def test_a_package_json_that_is_none_is_passed_over() -> None:
    assert find_assets({"package.json": "{"}, [], set(), "") is None
