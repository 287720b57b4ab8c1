"""Asks for known vulnerabilities of the Python packages that an image really has."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from ferryman.docker_command import docker_command
from ferryman.trial.outcomes import Check, CheckFailed
from ferryman.trial.postgresql import HERE
from ferryman.trial.tools import find_tool, output

LIST = (
    "import importlib.metadata as m; print(*sorted({f'{d.name}=={d.version}' for d in m.distributions()}), sep='\\n')"
)
TIMEOUT_SECONDS = 300
SHOWN = 10


def audit_packages(image: str, check: Check) -> None:
    """CheckFailed with the packages that have one; a warning when the database of them can't be asked."""
    words = ["run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", LIST]
    packages = output([*docker_command(), *words], folder=HERE)
    with tempfile.TemporaryDirectory(prefix="ferryman-") as folder:
        asked = Path(folder, "packages.txt")
        asked.write_text(packages, encoding="utf-8")
        options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
        try:
            done = subprocess.run(
                [find_tool("pip-audit"), *options, "--requirement", str(asked)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            check.warn(f"not audited: no answer within {TIMEOUT_SECONDS} s")
            return
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        check.warn(f"not audited, the database can't be asked: {last}")
        return
    bad = [f"{package['name']} {package['version']} ({_advice(package)})" for package in found if package.get("vulns")]
    if bad:
        raise CheckFailed("; ".join(bad[:SHOWN]))
    skipped = sum("skip_reason" in package for package in found)
    if skipped:
        check.warn(f"{skipped} of {len(found)} packages are not known to the database and were not audited")
        return
    check.detail = f"{len(found)} packages, none with a known vulnerability"


def _advice(package: dict[str, list[dict[str, list[str]]]]) -> str:
    first = package["vulns"][0]
    fixed = ", ".join(first.get("fix_versions", [])) or "no version"
    return f"{first['id']}, fixed in {fixed}"
