"""How much of the code the tests reach: the report that a run leaves, and its figure."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman.config import Configuration
from ferryman.github.run import table

FOLDER = Path(".ferryman", "coverage")
LEAST_COVERED = 10
# A source that is neither a folder nor a module measures nothing.
SCOPE = """
import coverage, importlib.util, os, sys
measured = coverage.Coverage()
sources = [*(measured.get_option("run:source") or []), *(measured.get_option("run:source_pkgs") or [])]
found = [s for s in sources if os.path.isdir(s) or s.isidentifier() and importlib.util.find_spec(s)]
sys.exit(not (found or not sources and measured.get_option("run:include")))
"""
# One process for all reports. `parallel` in the project's configuration leaves a file for each process.
REPORT = """
import coverage, glob, os, sys
folder = sys.argv[1]
measured = coverage.Coverage()
try:
    if glob.glob(os.path.join(folder, ".coverage.*")):
        measured.combine([folder])
    measured.load()
    measured.report(skip_covered=True, ignore_errors=True)
    measured.json_report(outfile=os.path.join(folder, "coverage.json"), ignore_errors=True)
    measured.html_report(directory=os.path.join(folder, "html"), ignore_errors=True)
    measured.xml_report(outfile=os.path.join(folder, "coverage.xml"), ignore_errors=True)
except coverage.CoverageException as error:
    sys.exit(f"coverage: {error}")
"""


def reports_folder(configuration: Configuration) -> Path:
    """The folder of the reports, made and without those of an earlier run."""
    folder = configuration.root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in (folder / "coverage.json", *folder.glob(".coverage*")):
        old.unlink(missing_ok=True)
    return folder


def reached_coverage(configuration: Configuration) -> int | None:
    """The share of lines that the last `try_units` reached, in percent, rounded down; None without a report."""
    found = read_report(configuration.root / FOLDER)
    return None if found is None else int(share(found))


def read_report(folder: Path) -> dict[str, Any] | None:
    """The report as coverage writes it; None when there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / "coverage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def share(found: Mapping[str, Any]) -> float:
    """The share of lines that were reached, in percent."""
    return float(found["totals"]["percent_covered"])


def least_covered(found: Mapping[str, Any]) -> str:
    """A table of the files that were reached least."""
    files = sorted(found["files"].items(), key=lambda item: item[1]["summary"]["percent_covered"])[:LEAST_COVERED]
    rows = [
        [name, f"{item['summary']['percent_covered']:.0f} %", str(item["summary"]["missing_lines"])]
        for name, item in files
        if item["summary"]["missing_lines"]
    ]
    return table(["Least covered", "Lines", "Missed"], rows) if rows else "Every line is covered."


def names_its_scope(python: Path, folder: Path) -> bool:
    """Whether the project's own configuration of coverage says what is measured: coverage itself is asked."""
    asked = [str(python), "-c", SCOPE]
    return subprocess.run(asked, cwd=folder, capture_output=True, check=False).returncode == 0


def pytest_words(folder: Path, *, has_scope: bool, is_measured: bool) -> list[str]:
    """What pytest-cov is told. Where the project's own options measure, only the reports are added."""
    scope = [] if is_measured else ["--cov" if has_scope else "--cov=.", "--cov-fail-under=0"]
    reports = [f"json:{folder / 'coverage.json'}", f"html:{folder / 'html'}", f"xml:{folder / 'coverage.xml'}"]
    return [*scope, *(f"--cov-report={report}" for report in ("term:skip-covered", *reports))]


def report_words(folder: Path) -> list[str]:
    """What Python is told after a run under coverage. A limit of the project's own is not asked here."""
    return ["-c", REPORT, str(folder)]
