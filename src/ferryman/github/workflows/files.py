"""Renders the workflows of a project from its ferryman.toml, and the locked requirements that they install."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files

from ferryman import __version__
from ferryman.config import Configuration
from ferryman.config.variables import variable_names
from ferryman.errors import UsageError
from ferryman.github.workflows.wheel import build_wheel, wheel_name

# Each by commit, for a tag can be moved.
CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
UPLOAD = "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f # v6.0.0"

NAMES = ("shared-ci-jobs.yml", "develop-ci.yaml", "production-ci-cd.yaml", "roll-back-manual.yaml", "cleanup.yaml")
FOLDER = ".github/workflows"
TOOL_FOLDER = ".github/ferryman"
STAGING = "staging"
PRODUCTION = "production"
SECRETS = ("VPS_SSH_KEY", "DOCKER_USERNAME", "DOCKER_PASSWORD")
MARK = "# ferryman-init: "
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
SHELL_SAFE = re.compile(r"[A-Za-z0-9_./-]*")
YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def workflow_files(configuration: Configuration, prefix: str = "") -> Mapping[str, bytes]:
    """Map each path, from the root of the Git repository, to its content. `prefix` is the project's folder in it.

    UsageError `folder-unfit` for a folder whose name GitHub, or a shell, would not take as a name.
    """
    own = configuration.pipeline.ferryman
    if "${{" in prefix or not prefix.isprintable() or (own and not SHELL_SAFE.fullmatch(f"{prefix}/{own}")):
        raise UsageError(
            "folder-unfit",
            f"no workflow can name the folder {prefix!r}",
            state="no workflow was written",
            hint="rename it: letters, digits, - and _ are safe",
        )
    values = _values(configuration, prefix)
    texts = {f"{FOLDER}/{name}": marked(_rendered(name, values)) for name in NAMES}
    if own:
        return {name: text.encode() for name, text in texts.items()}
    wheel = build_wheel()
    pinned = f"ferryman=={__version__} \\\n    --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n"
    texts |= {f"{TOOL_FOLDER}/{name}": marked(lock(name) + pinned) for name in ("deploy.txt", "checks.txt")}
    texts[f"{TOOL_FOLDER}/uv.txt"] = marked(lock("uv.txt"))
    return {name: text.encode() for name, text in texts.items()} | {f"{TOOL_FOLDER}/{wheel_name()}": wheel}


def marked(text: str) -> str:
    """Put the note in front that tells a file of `init` from one that a person changed."""
    return (
        "# Written by `ferryman init` from ferryman.toml; `ferryman init --check` tells when it differs.\n"
        f"{MARK}{_digest(text)}\n{text}"
    )


def is_untouched(text: str) -> bool:
    """Whether a file is as some version of `init` wrote it."""
    lines = text.split("\n", 2)
    return len(lines) == 3 and lines[1] == f"{MARK}{_digest(lines[2])}"


def production_environment(configuration: Configuration) -> str | None:
    """The environment that pushes to main go to: production, else the first that is not staging; None: staging is all.

    Where there is none at all yet, it is taken for granted that production comes.
    """
    names = list(configuration.environments)
    others = [name for name in names if name != STAGING]
    if PRODUCTION in names or not names:
        return PRODUCTION
    return others[0] if others else None


def lock(name: str) -> str:
    """The text of a lock that comes with Ferryman."""
    return files("ferryman.github.workflows").joinpath("locks", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _values(configuration: Configuration, prefix: str) -> dict[str, str]:
    production = production_environment(configuration)
    names = list(configuration.environments) or [PRODUCTION]
    values = {
        "checkout": CHECKOUT,
        "upload": UPLOAD,
        "coverage": _scalar(f"{prefix}/.ferryman/coverage" if prefix else ".ferryman/coverage"),
        "working_directory": f"\n    working-directory: {_scalar(prefix)}" if prefix else "",
        "job_working_directory": f"\n        working-directory: {_scalar(prefix)}" if prefix else "",
        "branch": _scalar(configuration.pipeline.branch),
        "main_environment": production or names[0],
        "environments": ", ".join(names),
        "install_checks": _install("checks.txt", configuration, prefix),
        "install_deploy": _install("deploy.txt", configuration, prefix),
        "all_env": _variables(configuration, names),
        "link_env": _variables(configuration, names, ("VPS_SSH_KEY",)),
    }
    part, is_push = _template("deploy.part"), "${{ github.event_name == 'push' }}"

    def deploy(environment: str, more: Mapping[str, str]) -> str:
        variables = {"environment": environment, "env": _variables(configuration, [environment])}
        return _filled(part, {**values, **variables, **more}).rstrip("\n")

    values["production"] = deploy(production, {"push": "true", "if": ""}) if production else ""
    on_push = {"push": is_push, "if": f"\n    if: {is_push}"}
    values["staging"] = deploy(STAGING, on_push) if STAGING in configuration.environments else ""
    return values


def _is_plain(text: str) -> bool:
    return not text or bool(PLAIN.fullmatch(text) and text.lower() not in YAML_WORDS)


def _scalar(text: str) -> str:
    """A text in YAML: as it is, or quoted."""
    return text if _is_plain(text.removeprefix(".")) else json.dumps(text, ensure_ascii=False)


def _install(name: str, configuration: Configuration, prefix: str) -> str:
    own = configuration.pipeline.ferryman
    folder = TOOL_FOLDER
    source = ""
    if own:
        root = "/".join(part for part in (prefix, own) if part not in ("", ".")) or "."
        folder = f"{root}/src/ferryman/github/workflows/locks".removeprefix("./")
        name = "checks.txt"  # it has what a build from source needs
        install = '"$RUNNER_TEMP/ferryman/bin/uv" pip install --quiet'
        source = f"          {install} --no-deps --no-build-isolation ./{root.removeprefix('.')}\n"
    values = {
        "root": "\n        working-directory: ." if prefix else "",
        "folder": folder,
        "lock": name,
        "links": "" if own else f" --find-links {folder}",
        "source": source,
    }
    return _filled(_template("install.part"), values).rstrip("\n")


def _variables(configuration: Configuration, environments: Iterable[str], more: Iterable[str] = SECRETS) -> str:
    """The secrets that the environments' sections name, and those that a deploy needs besides."""
    wanted: dict[str, None] = {}
    for name in environments:
        section = configuration.environments.get(name)
        for value in (section.as_dict().values() if section else ("${VPS_HOST}", "${VPS_USERNAME}")):
            wanted |= dict.fromkeys(variable_names(value) if isinstance(value, str) else ())
    return "\n".join(f"          {name}: ${{{{ secrets.{name} }}}}" for name in dict.fromkeys([*wanted, *more]))


def _template(name: str) -> str:
    return files("ferryman.github.workflows").joinpath("templates", name).read_text(encoding="utf-8")


def _rendered(name: str, values: Mapping[str, str]) -> str:
    return _filled(_template(name), values).rstrip("\n") + "\n"


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Put the values in for @name@; a value stays as it is."""
    parts = text.split("@")
    out = [parts[0]]
    for index, part in enumerate(parts[1:], start=1):
        if index % 2:
            out.append(values[part])
        else:
            out.append(part)
    return "".join(out)
