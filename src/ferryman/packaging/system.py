"""The Debian packages that Python packages need: libraries when they run, headers and compilers when they are built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COMPILER = ("g++", "pkg-config")


@dataclass(frozen=True)
class Libraries:
    """Names of Debian 13's packages."""

    run: tuple[str, ...] = ()
    build: tuple[str, ...] = ()


POSTGRESQL = Libraries(("libpq5",), (*COMPILER, "libpq-dev"))
PANGO = Libraries(("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"))
CAIRO = Libraries(("libcairo2",))
MARIADB = Libraries(("libmariadb3",), (*COMPILER, "libmariadb-dev"))
MAGIC = Libraries(("libmagic1t64",))
LDAP = Libraries(("libldap2",), (*COMPILER, "libldap-dev", "libsasl2-dev"))
XMLSEC = Libraries(("libxmlsec1t64-openssl",), (*COMPILER, "libxmlsec1-dev"))
# By the normal names of packages on PyPI, and of Django's apps that load a library. Sources: the packages' own
# instructions for their installation, and Debian's contents.
NEEDED = {
    "psycopg-plain": Libraries(("libpq5",)),
    "psycopg2": POSTGRESQL,
    "psycopg-c": POSTGRESQL,
    "django.contrib.gis": Libraries(("gdal-bin",)),
    "django-weasyprint": PANGO,
    "weasyprint": PANGO,
    "cairosvg": CAIRO,
    "cairocffi": CAIRO,
    "pycairo": Libraries(("libcairo2",), (*COMPILER, "libcairo2-dev")),
    "rlpycairo": Libraries(("libcairo2",), (*COMPILER, "libcairo2-dev")),
    "mysqlclient": MARIADB,
    "mariadb": MARIADB,
    "python-magic": MAGIC,
    "python-ldap": LDAP,
    "django-auth-ldap": LDAP,
    "xmlsec": XMLSEC,
    "python3-saml": XMLSEC,
    "pysaml2": Libraries(("xmlsec1",)),
    "djangosaml2": Libraries(("xmlsec1",)),
    "pylibmc": Libraries(("libmemcached11t64",), (*COMPILER, "libmemcached-dev", "zlib1g-dev")),
    "pycurl": Libraries(("libcurl4t64",), (*COMPILER, "libcurl4-openssl-dev", "libssl-dev")),
    "uwsgi": Libraries((), COMPILER),
    "pyodbc": Libraries(("unixodbc",), (*COMPILER, "unixodbc-dev")),
    "opencv-python": Libraries(("libgl1", "libglib2.0-0t64")),
    "pyzbar": Libraries(("libzbar0t64",)),
    "pytesseract": Libraries(("tesseract-ocr",)),
    "pdf2image": Libraries(("poppler-utils",)),
    "ffmpeg-python": Libraries(("ffmpeg",)),
    "pydub": Libraries(("ffmpeg",)),
    "gdal": Libraries(("gdal-bin",), (*COMPILER, "libgdal-dev")),
    "graphviz": Libraries(("graphviz",)),
    "pygraphviz": Libraries(("graphviz",), (*COMPILER, "libgraphviz-dev")),
    "gitpython": Libraries(("git",)),
}


def libraries(packages: Iterable[str], apps: Iterable[str] = (), compiled: Iterable[str] = ()) -> Libraries:
    """What an image needs for packages and Django's apps; `compiled` are packages that had no wheel where they were
    installed."""
    names = set(packages)
    if "psycopg" in names and not names & {"psycopg-binary", "psycopg-c"}:
        names.add("psycopg-plain")
    found = [NEEDED[name] for name in sorted({*names, *apps}) if name in NEEDED]
    build = [package for libraries in found for package in libraries.build]
    if set(compiled):
        build += COMPILER
    return Libraries(
        tuple(dict.fromkeys(package for libraries in found for package in libraries.run)), tuple(dict.fromkeys(build))
    )
