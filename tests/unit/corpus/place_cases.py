"""Databases, files, logs and what settings do besides: one oddity each."""

from __future__ import annotations

from project import SETTINGS, Case, Oddity
from reader_cases import DATABASES, DEBUG, HOSTS, SECRET

LAST = '    "django.contrib.staticfiles",\n'
ROOT = 'STATIC_ROOT = BASE_DIR / "staticfiles"\n'
HANDLERS = '"handlers": {"console"'
POSTGRESQL = '"django.db.backends.postgresql"'
MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'
STREAM = '"logging.StreamHandler"'
SQLITE = '{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}'
DEEPER = SETTINGS.replace(".parent.parent", ".parent.parent.parent")
URL = 'URL = urlsplit(os.environ["DATABASE_URL"])'
OTHER = "django.db.backends.{}"
CASES = {
    "a replica of the same database": Case(
        Oddity("replica", added='\nDATABASES["replica"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}\n'),
        production=None,
    ),
    "SQLite's options are kept": Case(
        Oddity("options", {DATABASES: f'DATABASES = {{"default": {SQLITE}}}\n'
                                      'DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA foreign_keys=1"}\n'}),
        production=('urlsplit(os.environ["DATABASE_URL"])',),
    ),
    "another host": Case(
        Oddity("host", {'"HOST": URL.hostname': '"HOST": "db.example.com"'}), production=("DATABASES = {",)
    ),
    "TLS is demanded": Case(
        Oddity("tls", added='\nDATABASES["default"]["OPTIONS"] = {"sslmode": "require"}\n'),
        production=("DATABASES = {",), said=("DATABASES demands TLS (sslmode require)",),
    ),
    "the engine by a variable": Case(
        Oddity("engine", {POSTGRESQL: 'os.environ.get("DB_ENGINE", "django.db.backends.sqlite3")'}),
        production=None, lines={"app.env.values": {"DB_ENGINE": "django.db.backends.postgresql"}},
    ),
    "Oracle": Case(
        Oddity("oracle", {'"django.db.backends.postgresql"': '"django.db.backends.oracle"'}), refused="not-postgresql"
    ),
    "MySQL": Case(
        Oddity("mysql", {'"django.db.backends.postgresql"': '"django.db.backends.mysql"'}), refused="not-postgresql"
    ),
    "SQLite in development alone": Case(
        Oddity("devsqlite", {DATABASES: f'if DEBUG:\n    DATABASES = {{"default": {SQLITE}}}\nelse:\n'
                             + "".join(f"    {line}\n" for line in DATABASES.splitlines())}),
        production=None,
    ),
    "static files outside of the project": Case(
        Oddity("varwww", {ROOT: 'STATIC_ROOT = "/var/www/static"\n'}), production=None,
        image=("mv /var/www/static /static", "COPY --from=code /static /var/www/static"),
    ),
    "static files in a store": Case(
        Oddity("stored", {ROOT: 'STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}, '
                                '"staticfiles": {"BACKEND": "storages.backends.s3.S3Storage"}}\n'}),
        production=None,
    ),
    "no static files": Case(
        Oddity("nostatic", {LAST: "", '    "whitenoise.middleware.WhiteNoiseMiddleware",\n': "", ROOT: ""}),
        production=None,
    ),
    "files at a place of the server's": Case(
        Oddity("srvmedia", added='\nMEDIA_ROOT = "/srv/uploads"\n'), production=None,
        lines={"app.volumes": {"media": "/srv/uploads"}},
    ),
    "logs to a file": Case(
        Oddity("logfile", {STREAM: '"logging.FileHandler", "filename": BASE_DIR / "shop.log"'}),
        production=("LOGGING = {",), said=("no logger writes tracebacks to the console",),
    ),
    "logs to a folder that is missing": Case(
        Oddity("logfolder", {STREAM: '"logging.FileHandler", "filename": "/var/log/shop/shop.log"'}),
        production=("LOGGING = {",),
    ),
    "a log without tracebacks": Case(
        Oddity("terse", {
            STREAM: STREAM + ', "formatter": "terse"',
            HANDLERS: '"formatters": {"terse": {"()": "shop.terse.Terse"}},\n    ' + HANDLERS,
        }, files={"shop/terse.py": "import logging\n\n\nclass Terse(logging.Formatter):\n"
                                   "    def format(self, record):\n        return record.getMessage()\n"}),
        production=("LOGGING = {",), said=("no logger writes tracebacks to the console",),
    ),
    "a log for debugging alone": Case(
        Oddity("debuglog", {
            STREAM: STREAM + ', "filters": ["debug"]',
            HANDLERS: '"filters": {"debug": {"()": "django.utils.log.RequireDebugTrue"}},\n    ' + HANDLERS,
        }),
        production=("LOGGING = {",),
    ),
    "settings that print": Case(Oddity("prints", added='\nprint("loading", flush=True)\n'), production=None),
    "settings that exit": Case(
        Oddity("exits", added='\nraise SystemExit("no licence")\n'), is_run=False, said=("no licence",)
    ),
    "settings with a thread": Case(
        Oddity("thread", added="\nimport threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\n"),
        production=None,
    ),
    "settings that write": Case(
        Oddity("writes", added='\n(BASE_DIR / "marker").write_text("was here")\n'), production=None
    ),
    "settings that can't be parsed": Case(
        Oddity("broken", added="\nX = (\n"), is_run=False, said=("SyntaxError",)
    ),
    "a setting that only a local file has": Case(
        Oddity("sample", {LAST: LAST + '    "till",\n'}, files={
            "till/__init__.py": "", "till/models.py": "from django.conf import settings\nTAX = settings.SHOP_TAX\n",
            "shop/settings_local.py.sample": "SHOP_TAX = 19\n",
        }),
        refused="setting-missing",
    ),
    "cookies that need https": Case(
        Oddity("cookies", added="\nSESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True\n"), production=None
    ),
    "a name of the settings that is unusual": Case(
        Oddity("conf", files={
            "shop/conf/__init__.py": "", "shop/conf/web.py": DEEPER,
            "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.conf.web")\n'
                         "from django.core.management import execute_from_command_line\n",
            "shop/wsgi.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.conf.web")\n'
                            "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
        }),
        production=None, image=("DJANGO_SETTINGS_MODULE=shop.conf.web",),
    ),
    "two manage.py": Case(
        Oddity("two", files={"example/manage.py": MANAGE.format("x.y")}),
        production=None, said=("there are several manage.py (manage.py, example/manage.py); manage.py was taken",),
    ),
    "translations that are not compiled": Case(
        Oddity("po", files={"locale/de/LC_MESSAGES/django.po": 'msgid ""\nmsgstr ""\n'}), production=None,
        image=("gettext", "compilemessages"),
    ),
    "assets that the settings name and Git lacks": Case(
        Oddity("dist", added='\nSTATICFILES_DIRS = [BASE_DIR / "ui" / "dist"]\n',
               files={"ui/package.json": '{"scripts": {"build": "vite build"}}'}),
        production=None, image=("WORKDIR /app/ui", "RUN npm run build"), said=("Node 24 builds the web assets (ui:",),
    ),
    "files of node_modules": Case(
        Oddity("modules", added='\nSTATICFILES_DIRS = [("node", BASE_DIR / "node_modules")]\n',
               files={"package.json": '{"dependencies": {"bootstrap": "5"}}', "package-lock.json": "{}"}),
        production=None, image=("npm ci", "find /app -name node_modules -prune"),
    ),
    "a variable without which it exits": Case(
        Oddity("needs", added='\nif "LICENCE" not in os.environ:\n    raise SystemExit("set LICENCE")\n'),
        production=None, lines={"app.env.required": ["LICENCE"]},
    ),
    "debug and hosts at once": Case(
        Oddity("both", {DEBUG: "DEBUG = True", HOSTS: "ALLOWED_HOSTS = []", SECRET: 'SECRET_KEY = "x"'}),
        production=("DEBUG = False", "ALLOWED_HOSTS = os.environ", "SECRET_KEY = os.environ"),
    ),
}  # fmt: skip
