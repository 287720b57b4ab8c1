"""The lines that several stages of a Dockerfile have in common."""

from __future__ import annotations

from collections.abc import Iterable

NEWEST = {
    "gunicorn": "gunicorn>=23", "psycopg": "psycopg[binary]>=3.2", "uvicorn": "uvicorn[standard]>=0.34",
    "psycopg2": "psycopg2-binary>=2.9", "whitenoise": "whitenoise>=6",
    "setuptools": "setuptools<81",  # the last one with pkg_resources
}  # fmt: skip
# The images are the same from build to build only if their files have the same times.
TOUCH = "find {} -exec touch --no-dereference --date=@0 {{}} +"


def run(steps: Iterable[str]) -> str:
    """One RUN of several commands."""
    return "RUN " + " \\\n    && ".join(steps)


def installed(packages: Iterable[str]) -> str:
    """The lines that install Debian's packages, "" for none; they begin with a line's end."""
    names = " ".join(packages)
    if not names:
        return ""
    return "\n# hadolint ignore=DL3008\n" + run(
        [
            "apt-get update",
            f"apt-get install --yes --no-install-recommends {names}",
            "rm -rf /var/lib/apt/lists/*",
        ]
    )
