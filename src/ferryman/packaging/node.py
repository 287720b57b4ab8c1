"""Finds the web assets of a project that Node builds: which packages, with which manager, and by which scripts."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PREFERRED_NODE = 24
OTHER_NODES = (22, 20, 26, 18, 16)
MODULES = "node_modules"
# The first of these that a package has is taken for its build; where it has none, each that begins with "build:".
BUILDS = ("build:prod", "build:production", "build-prod", "production", "prod", "build", "build:css", "build:js")
NOT_FOR_A_BUILD = re.compile(r"watch|dev|serve|start|test|lint|check|storybook|docs|analy[sz]e", re.IGNORECASE)
LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
}
BESIDE = (*LOCKS, ".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml")
# Programs that are packages of the same name.
GLOBAL = frozenset({"sass", "esbuild", "parcel", "rollup", "vite", "gulp", "grunt"})
BUNDLERS = frozenset({"webpack_loader", "django_vite", "pipeline", "webpack_boilerplate", "manifest_loader"})
NEEDS_TOOLS = re.compile(r"\bnode-sass\b|\bgit\+(ssh|https)\b|\bnode-gyp\b")
OLD_WEBPACK = re.compile(
    r'"node_modules/webpack":\s*\{\s*"version":\s*"[1-4]\.|^"?webpack@[^\n]*:\n\s+version "?[1-4]\.'
    r'|^    "webpack": \{\n\s+"version": "[1-4]\.',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Package:
    """A folder with a package.json: what is copied for its installation, and the commands of it and of its build."""

    folder: str
    files: tuple[str, ...]
    install: tuple[str, ...]
    build: tuple[str, ...]
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assets:
    """Packages in the order in which they are built. `node`: its major version; `needs_tools`: a compiler or Git.

    `keeps_modules`: collectstatic takes files from node_modules, or runs what lies there.
    """

    packages: tuple[Package, ...]
    node: int = PREFERRED_NODE
    needs_tools: bool = False
    is_old_webpack: bool = False
    keeps_modules: bool = False

    @property
    def told(self) -> str:
        """What is built, in one line."""
        parts = [
            f"{package.folder or '.'}: {' && '.join(package.build) or 'packages alone'}" for package in self.packages
        ]
        lacking = sorted({name for package in self.packages for name in package.lacking})
        newest = f"; package.json lacks {', '.join(lacking)}: the newest is installed" if lacking else ""
        return f"Node {self.node} builds the web assets ({'; '.join(parts)}{newest})"


def find_assets(texts: Mapping[str, str], missing: Iterable[str], apps: Iterable[str], context: str) -> Assets | None:
    """The packages that the service's files are built by; None where it needs none. Paths begin at the project.

    `missing` are paths that the settings name and Git does not have. A package is taken if one of them is in its
    folder, or if it is in the folder of the build and has a build. If a path is missing elsewhere, or a bundler is
    among the apps, each package with a build is taken: which of them makes it can't be seen.
    """
    manifests = {
        posixpath.dirname(path): _read(texts[path])
        for path in texts
        if posixpath.basename(path) == "package.json" and _is_in(path, context)
    }
    members = {folder for home, found in manifests.items() for folder in _members(home, found, manifests)}
    roots = {folder: found for folder, found in manifests.items() if folder not in members}
    missing = list(missing)
    owners = {path: _owner(path, roots) for path in missing}
    chosen = {owner for owner in owners.values() if owner is not None}
    chosen |= {folder for folder in (context,) if folder in roots and _build(roots[folder])}
    if None in owners.values() or BUNDLERS & {app.partition(".")[0] for app in apps}:
        chosen |= {folder for folder, found in roots.items() if _build(found)}
    if not chosen:
        return None
    ordered = _ordered(chosen, roots)
    locks = [texts.get(posixpath.join(folder, name), "") for folder in ordered for name in LOCKS]
    return Assets(
        packages=tuple(
            _package(texts, folder, roots[folder], _members(folder, roots[folder], manifests)) for folder in ordered
        ),
        node=_node(texts, ordered, roots),
        needs_tools=any(NEEDS_TOOLS.search(lock) for lock in locks),
        is_old_webpack=any(OLD_WEBPACK.search(lock) for lock in locks),
        keeps_modules=any(MODULES in path.split("/") for path in missing),
    )


def _is_in(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _owner(path: str, roots: Mapping[str, Any]) -> str | None:
    """The innermost package around a path; None where there is none but the project's own, without a build."""
    around = [folder for folder in roots if _is_in(path, folder)]
    inner = max(around, key=len, default=None)
    if inner is None or MODULES in path.split("/") or inner or _build(roots[inner]):
        return inner
    return None


def _members(home: str, found: Mapping[str, Any], manifests: Mapping[str, Any]) -> list[str]:
    """The folders of a package's workspaces."""
    stated = found.get("workspaces", [])
    globs = stated.get("packages", []) if isinstance(stated, dict) else stated
    patterns = [posixpath.normpath(posixpath.join(home, str(glob))) for glob in globs if isinstance(glob, str)]
    rules = [re.compile(re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")) for pattern in patterns]
    return sorted(folder for folder in manifests if folder != home and any(rule.fullmatch(folder) for rule in rules))


def _scripts(found: Mapping[str, Any]) -> Mapping[str, str]:
    scripts = found.get("scripts", {})
    return scripts if isinstance(scripts, dict) else {}


def _build(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the scripts that build a package."""
    scripts = _scripts(found)
    first = next((name for name in BUILDS[:6] if name in scripts), None)
    if first:
        return (first,)
    return tuple(name for name in scripts if re.match(r"build[:_-]", name) and not NOT_FOR_A_BUILD.search(name))


def _package(texts: Mapping[str, str], folder: str, found: Mapping[str, Any], members: Iterable[str]) -> Package:
    here = {name for name in BESIDE if posixpath.join(folder, name) in texts}
    manager = _manager(here, found)
    lock = next((name for name in LOCKS if name in here and LOCKS[name] == manager), "")
    inner = [posixpath.join(posixpath.relpath(member, folder or "."), "package.json") for member in members]
    files = ("package.json", *sorted(name for name in here if name not in LOCKS or name == lock), *inner)
    missing = _missing_programs(found, _read(texts.get(posixpath.join(folder, lock), "")))
    is_berry = manager == "yarn" and "__metadata:" in texts.get(posixpath.join(folder, lock), "")
    install = _install(manager, found, has_lock=bool(lock), is_berry=is_berry)
    more = tuple(f"npm install --global {name}" for name in missing)
    return Package(folder, files, (*install, *more), tuple(f"{manager} run {name}" for name in _build(found)), missing)


def _missing_programs(found: Mapping[str, Any], lock: Mapping[str, Any]) -> tuple[str, ...]:
    """Programs that a build starts and no package of npm's lock brings; some people have them installed globally."""
    packages = lock.get("packages", {})
    if not packages:
        return ()
    brought = {name for item in packages.values() for name in _programs(item)}
    scripts = [_scripts(found)[name] for name in _build(found)]
    started = {part.split()[0] for script in scripts for part in re.split(r"&&|\|\||;|\|", script) if part.split()}
    return tuple(sorted(name for name in started & GLOBAL if name not in brought))


def _programs(item: Mapping[str, Any]) -> Iterable[str]:
    found = item.get("bin", {})
    return found if isinstance(found, dict) else ()


def _manager(here: Iterable[str], found: Mapping[str, Any]) -> str:
    named = str(found.get("packageManager", "")).partition("@")[0]
    by_lock = [LOCKS[name] for name in LOCKS if name in here]
    return named if named in by_lock or (named in LOCKS.values() and not by_lock) else next(iter(by_lock), "npm")


def _install(manager: str, found: Mapping[str, Any], *, has_lock: bool, is_berry: bool) -> tuple[str, ...]:
    version = re.match(r"\w+@(\d+)", str(found.get("packageManager", "")))
    if manager == "pnpm":
        frozen = " --frozen-lockfile" if has_lock else ""
        return (f"npm install --global pnpm@{version[1] if version else '10'}", f"pnpm install{frozen}")
    if manager == "yarn" and (is_berry or (version and int(version[1]) > 1)):
        return ("npm install --global --force corepack", "corepack enable", "yarn install --immutable")
    if manager == "yarn":
        return (f"yarn install{' --frozen-lockfile' if has_lock else ''}",)
    return ("npm ci" if has_lock else "npm install",)


def _ordered(chosen: Iterable[str], roots: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Packages after those of the project that they need by a path, and these too."""
    done: list[str] = []

    def visit(folder: str, above: tuple[str, ...]) -> None:
        if folder in done or folder in above:
            return
        for other in _local(folder, roots):
            visit(other, (*above, folder))
        done.append(folder)

    for folder in sorted(chosen):
        visit(folder, ())
    return done


def _local(folder: str, roots: Mapping[str, Mapping[str, Any]]) -> list[str]:
    needs = {**roots[folder].get("dependencies", {}), **roots[folder].get("devDependencies", {})}
    paths = (re.match(r"(?:file|link|portal):(.+)", str(value)) for value in needs.values())
    places = [posixpath.normpath(posixpath.join(folder, found[1])) for found in paths if found]
    return [place for place in places if place in roots]


def _node(texts: Mapping[str, str], folders: Iterable[str], roots: Mapping[str, Mapping[str, Any]]) -> int:
    """The major version: as a file names it, else the preferred one of those that `engines` allows."""
    for folder in dict.fromkeys([*folders, ""]):
        for name in (".nvmrc", ".node-version"):
            found = re.match(r"v?(\d+)", texts.get(posixpath.join(folder, name), "").strip())
            if found:
                return int(found[1])
    bounds = [str(roots[folder].get("engines", {}).get("node", "")) for folder in folders]
    return next(
        (node for node in (PREFERRED_NODE, *OTHER_NODES) if all(_fits(node, b) for b in bounds)), PREFERRED_NODE
    )


def _fits(node: int, bounds: str) -> bool:
    """By the major versions alone; "||" has alternatives."""
    return not bounds.strip() or any(_fits_all(node, part) for part in bounds.split("||"))


def _fits_all(node: int, bounds: str) -> bool:
    found = re.findall(r"(>=|<=|>|<|\^|~|=)?\s*v?(\d+)((?:\.(?:\d+|x|\*))*)", bounds)
    return all(_fits_one(node, sign, int(major), rest) for sign, major, rest in found)


def _fits_one(node: int, sign: str, major: int, rest: str) -> bool:
    if sign == ">=":
        return node >= major
    if sign == ">":
        return node >= major if rest else node > major
    if sign == "<=":
        return node <= major
    if sign == "<":
        return node < major
    return node == major
