"""Settings that read the environment by a library, or in a way of their own."""

from __future__ import annotations

from project import SETTINGS, Case, Oddity

SECRET = 'SECRET_KEY = os.environ["SECRET_KEY"]'
DEBUG = 'DEBUG = os.environ.get("DEBUG", "") == "1"'
HOSTS = 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")'
DATABASES = SETTINGS[SETTINGS.index("URL = urlsplit") : SETTINGS.index("STATIC_URL")]
IMPORT = "import os\n"
POSTGRESQL = '"ENGINE": "django.db.backends.postgresql"'
PACKAGES = (
    "django>=5.2,<5.3", "gunicorn", "psycopg[binary]", "whitenoise", "django-environ", "python-decouple",
    "dj-database-url", "environs[django]", "dynaconf", "pydantic-settings", "django-split-settings",
    "django-configurations[database]",
)  # fmt: skip


def read_by(library: str, secret: str, debug: str, hosts: str, databases: str) -> dict[str, str]:
    """The settings with other lines for what the agent gives."""
    return {IMPORT: f"import os\n{library}\n", SECRET: secret, DEBUG: debug, HOSTS: hosts, DATABASES: databases + "\n"}


PARTS = """\
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": {read}("{prefix}NAME"),
        "USER": {read}("{prefix}USER"),
        "PASSWORD": {read}("{prefix}PASSWORD"),
        "HOST": {read}("{prefix}HOST"),
        "PORT": {read}("{prefix}PORT"),
    }}
}}"""
VARIABLES = {"HOST": "host", "PORT": "port", "NAME": "name", "USER": "user", "PASSWORD": "password"}
ENVIRON = ("import environ\nenv = environ.Env()", 'SECRET_KEY = env("SECRET_KEY")', 'DEBUG = env.bool("DEBUG", False)',
           'ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])')  # fmt: skip
DECOUPLE = ("from decouple import Csv, config", 'SECRET_KEY = config("SECRET_KEY")',
            'DEBUG = config("DEBUG", default=False, cast=bool)',
            'ALLOWED_HOSTS = config("ALLOWED_HOSTS", cast=Csv())')  # fmt: skip
ENVIRONS = ("from environs import Env\nenv = Env()", 'SECRET_KEY = env.str("SECRET_KEY")',
            'DEBUG = env.bool("DEBUG", default=False)', 'ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")')  # fmt: skip
PYDANTIC = """\
from pydantic_settings import BaseSettings, SettingsConfigDict


class Values(BaseSettings):
    {prefix}secret_key: str
    debug: bool = False
    allowed_hosts: str = "localhost"
    database_url: str


values = Values()"""
OF_VALUES = (
    "SECRET_KEY = values.secret_key",
    "DEBUG = values.debug",
    'ALLOWED_HOSTS = values.allowed_hosts.split(",")',
)
SWITCH = """\
import os

if os.environ.get("STAGE", "development") == "production":
    from shop.settings.hosted import *
else:
    from shop.settings.laptop import *
"""
DEEPER = SETTINGS.replace(".parent.parent", ".parent.parent.parent")
NO_SECRET_FILE = "SECRETS = json.load(open(BASE_DIR / 'secrets.json'))\nSECRET_KEY = SECRETS['key']"
CASES = {
    "django-environ": Case(
        Oddity("environ", read_by(*ENVIRON, 'DATABASES = {"default": env.db()}')), production=None
    ),
    "django-environ with a prefix": Case(
        Oddity("prefix", read_by(
            ENVIRON[0] + '\nenv.prefix = "SHOP_"', *ENVIRON[1:], 'DATABASES = {"default": env.db("URL")}')),
        production=("ALLOWED_HOSTS = os.environ", "DATABASES = {"),
        lines={"app.env.secret_key": "SHOP_SECRET_KEY"},
    ),
    "django-environ with parts": Case(
        Oddity("parts", read_by(*ENVIRON, PARTS.format(read="env", prefix="POSTGRES_"))),
        production=None,
        lines={"database.variables": {f"POSTGRES_{name}": part for name, part in VARIABLES.items()}},
    ),
    "django-environ under another name": Case(
        Oddity("dburl", read_by(*ENVIRON, 'DATABASES = {"default": env.db_url("DB_URL")}')),
        production=('urlsplit(os.environ["DATABASE_URL"])',),
    ),
    "decouple": Case(
        Oddity("decouple", read_by(*DECOUPLE, PARTS.format(read="config", prefix="DB_"))),
        production=None,
        lines={"database.variables": {f"DB_{name}": part for name, part in VARIABLES.items()}},
    ),
    "dj-database-url": Case(
        Oddity("djurl", read_by("import dj_database_url", SECRET, DEBUG, HOSTS,
               'DATABASES = {"default": dj_database_url.config(conn_max_age=600)}')),
        production=None,
    ),
    "dj-database-url that demands TLS": Case(
        Oddity("djssl", read_by("import dj_database_url", SECRET, DEBUG, HOSTS,
               'DATABASES = {"default": dj_database_url.config(ssl_require=True)}')),
        production=("DATABASES = {",),
        said=("DATABASES demands TLS",),
    ),
    "environs": Case(
        Oddity("environs", read_by(*ENVIRONS, 'DATABASES = {"default": env.dj_db_url("DATABASE_URL")}')),
        production=None,
    ),
    "pydantic-settings": Case(
        Oddity("pydantic", read_by(PYDANTIC.format(prefix=""), *OF_VALUES, DATABASES.replace(
            'os.environ["DATABASE_URL"]', "values.database_url"))),
        production=None,
    ),
    "pydantic-settings under another name": Case(
        Oddity("pydanticname", read_by(PYDANTIC.format(prefix="shop_"), OF_VALUES[0].replace("secret", "shop_secret"),
               *OF_VALUES[1:], DATABASES.replace('os.environ["DATABASE_URL"]', "values.database_url"))),
        production=None,
        lines={"app.env.secret_key": "SHOP_SECRET_KEY"},
    ),
    "split-settings": Case(
        Oddity("split", files={
            "shop/settings.py": 'from split_settings.tools import include\n\ninclude("parts/*.py")\n',
            "shop/parts/a_base.py": DEEPER,
        }),
        production=None,
    ),
    "a switch by a variable": Case(
        Oddity("switch", files={
            "shop/settings/__init__.py": SWITCH,
            "shop/settings/base.py": DEEPER,
            "shop/settings/hosted.py": "from shop.settings.base import *\n",
            "shop/settings/laptop.py": "from shop.settings.base import *\nDEBUG = True\n",
        }),
        lines={"app.env.values": {"STAGE": "production"}},
    ),
    "a configuration in TOML": Case(
        Oddity("toml", {SECRET: 'import tomllib as t\nSECRET_KEY = t.load((BASE_DIR / "shop.toml").open("rb"))["key"]'},
               files={"shop.toml": 'key = "abc"\n'}),
        production=('SECRET_KEY = os.environ["SECRET_KEY"]',),
    ),
    "a configuration in INI": Case(
        Oddity("ini", {HOSTS: "from configparser import ConfigParser\n"
                              'ini = ConfigParser()\nini.read(BASE_DIR / "shop.ini")\n'
                              'ALLOWED_HOSTS = ini["shop"]["hosts"].split(",")'},
               files={"shop.ini": "[shop]\nhosts = example.com\n"}),
        production=('ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS"',),
    ),
    "a file that Git does not have": Case(
        Oddity("secrets", {SECRET: "import json\n" + NO_SECRET_FILE}),
        is_run=False, said=("could not be run", "secrets.json"),
    ),
    "a library that takes no kind of text but str": Case(
        Oddity("strict", added='\nassert os.environ["LICENCE"]\nNAME = os.environ.get("NAME", "shop")\n'
                               'if type(NAME) is not str:\n    raise TypeError(f"got {type(NAME).__name__}")\n'),
        production=None,
    ),
    "local settings that may be missing": Case(
        Oddity("local", added="\ntry:\n    from shop.local_settings import *\nexcept ImportError:\n    pass\n"),
        production=None,
    ),
    "a key from a file or a default": Case(
        Oddity("keyfile", {SECRET: 'KEY = BASE_DIR / "key"\nSECRET_KEY = KEY.read_text() if KEY.exists() else "x"'}),
        production=('SECRET_KEY = os.environ["SECRET_KEY"]',),
    ),
    "a key with a default": Case(
        Oddity("keydefault", {SECRET: 'SECRET_KEY = os.environ.get("SECRET_KEY", "django-insecure")'}), production=None
    ),
    "a key under another name": Case(
        Oddity("keyname", {SECRET: 'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]'}),
        production=None, lines={"app.env.secret_key": "DJANGO_SECRET_KEY", "app.env.required": None},
    ),
    "a key made at each start": Case(
        Oddity("keymade", {
            SECRET: "from django.core.management import utils\nSECRET_KEY = utils.get_random_secret_key()",
        }),
        production=('SECRET_KEY = os.environ["SECRET_KEY"]',),
    ),
    "debug by a function of its own": Case(
        Oddity("strtobool", {DEBUG: 'def truth(text):\n    return text.lower() in ("y", "yes", "true", "1")\n\n\n'
                                    'DEBUG = truth(os.environ.get("DJANGO_DEBUG", "yes"))'}),
        lines={"app.env.values": {"DJANGO_DEBUG": "False"}},
    ),
    "debug by a number": Case(
        Oddity("intdebug", {DEBUG: 'DEBUG = bool(int(os.environ.get("DEBUG", "1")))'}),
        lines={"app.env.values": {"DEBUG": "0"}},
    ),
}  # fmt: skip
