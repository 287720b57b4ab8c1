"""Pure: what the agent gives an app, with values for a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit

from ferryman.config.given import SECRET_KEY
from ferryman.config.models import App
from ferryman.trial.outcomes import CheckFailed

SECRET = "only-for-the-tests-" + "0123456789" * 4
SCHEMES = ("postgres", "postgresql", "postgis", "pgsql", "psql")
PORT = 5432


def agent_variables(app: App, hosts: Sequence[str]) -> dict[str, str]:
    """What every container of an app gets, but for its database and the release's names."""
    return {
        SECRET_KEY: SECRET,
        app.env.secret_key: SECRET,
        "ALLOWED_HOSTS": ",".join(hosts),
        "CSRF_TRUSTED_ORIGINS": f"http://{hosts[0]}",
        "FERRYMAN_SCHEME": "http",
        "PORT": str(app.roles.web.port),
    }


def release_variables(app: App) -> dict[str, str]:
    """The names of a release that is none."""
    return {
        "FERRYMAN_APP": app.name,
        "FERRYMAN_ENVIRONMENT": "test",
        "FERRYMAN_RELEASE": "0",
        "FERRYMAN_REVISION": "0" * 40,
    }


def url_variables(names: Mapping[str, str], url: str) -> dict[str, str]:
    """DATABASE_URL, and the parts under their names, which are those of [database] variables.

    CheckFailed when the URL has no such parts.
    """
    parts = _parts(url) if set(names.values()) - {"url"} else {"url": url}
    return {"DATABASE_URL": url} | {name: parts[part] for name, part in names.items()}


def _parts(url: str) -> dict[str, str]:
    try:
        found = urlsplit(url)
        scheme, port = found.scheme.partition("+")[0], str(found.port or PORT)
    except ValueError:
        scheme = port = ""
    if scheme not in SCHEMES:
        raise CheckFailed("the URL of the database is not PostgreSQL's, and [database] variables asks for its parts")
    return {
        "url": url,
        "host": unquote(found.hostname or ""),
        "port": port,
        "name": unquote(found.path.removeprefix("/")),
        "user": unquote(found.username or ""),
        "password": unquote(found.password or ""),
    }
