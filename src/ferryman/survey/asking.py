"""Asks a project: runs the program inside its Python, and again with placeholders until its settings are loaded."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ferryman.survey.answers import Answers, Variable, parse_answers
from ferryman.survey.inside.main import MARK
from ferryman.survey.inside.recording import placeholder
from ferryman.survey.keys import PEM, private_key

TIMEOUT_SECONDS = 60.0
TRIES = 12
SINGLE_GUESSES = 3  # then all are filled at once
NO_VARIABLE = frozenset({"ModuleNotFoundError", "ImportError", "SyntaxError", "MemoryError", "TimeoutError"})
LARGEST_ANSWER_BYTES = 8 << 20
SECRET = "survey-secret-key-" + "0123456789" * 5
DATABASE_PASSWORD = "survey-password"  # noqa: S105 - of a database that does not exist
DATABASE_HOST = "survey-database"
HOST = "survey.example.com"
# What the agent gives to every app, with values that are told apart in what the settings make of them.
GIVEN = {
    "SECRET_KEY": SECRET,
    "DATABASE_URL": f"postgresql://survey_user:{DATABASE_PASSWORD}@{DATABASE_HOST}:5432/survey_name",
    "ALLOWED_HOSTS": f"{HOST},localhost",
    "CSRF_TRUSTED_ORIGINS": f"http://{HOST}",
    "FERRYMAN_SCHEME": "http",
}
WORTH_FILLING = re.compile(r"SECRET|KEY|DATABASE|(^|_)DB(_|$)|POSTGRES|(^|_)PG|SQL|HOSTS?($|_)|DOMAIN|URL$")
SETTINGS_ALONE = ("connections",)
ADDRESSES = frozenset({"URL", "URI", "DSN"})

Run = Callable[[str], tuple[int, str, str]]


@dataclass(frozen=True)
class Question:
    """Which settings module is asked for; `modules` may make a Celery app. `given` is the app's environment.

    `parts` of Django that are asked beside the settings; () for all. `is_plain`: how a value is read is not noted.
    """

    settings: str
    configuration: str = ""
    host: str = HOST
    modules: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=lambda: GIVEN)
    fill: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    is_plain: bool = False

    def as_json(self) -> dict[str, Any]:
        """As the program inside reads it."""
        return {
            "settings": self.settings,
            "configuration": self.configuration,
            "host": self.host,
            "modules": list(self.modules),
            "fill": dict(self.fill),
            "parts": list(self.parts),
            "is_plain": self.is_plain,
        }


class NoAnswer(Exception):
    """The program ended without an answer: it was killed, or took too long."""


def ask(question: Question, run: Run) -> Answers:
    """Ask, and fill one more variable each time that the settings fail for want of one.

    What the failure names is filled; where it names nothing, the variable that was read last, and it is left again if
    that changes nothing; at last all at once. The answers have a `failure` when Django does not start. Raises NoAnswer.
    """
    fill, seen, guesses = dict(question.fill), set(question.fill), 0
    answers = _tolerant(question, run)
    for _ in range(TRIES):
        if answers.failure is None:
            break
        named = _named(answers, seen) or _as_key(answers) or _as_database(answers)
        if not named:
            guesses += 1
        missing = named or _guessed(answers, seen, takes_all=guesses > SINGLE_GUESSES)
        if not missing:
            break
        seen |= set(missing)
        more = {**fill, **answers.filled, **missing}
        again = _tolerant(replace(question, fill=more), run)
        is_better = again.failure is None or str(again.failure) != str(answers.failure)
        if named or (is_better and guesses <= SINGLE_GUESSES) or again.failure is None:
            answers, fill = again, more
    return _without_optional(question, answers, run) if fill != dict(question.fill) else answers


def _tolerant(question: Question, run: Run) -> Answers:
    """Ask once, and with plain texts where a library takes a str and no kind of it."""
    answers = _once(question, run)
    if answers.failure and "Traced" in answers.failure.message:
        return _once(replace(question, is_plain=True), run)
    return answers


def _without_optional(question: Question, answers: Answers, run: Run) -> Answers:
    """The same with no more variables filled than the settings require: one too many changes what they say."""
    needed = {
        name: value for name, value in answers.filled.items() if _is_needed(answers, name) or name in question.fill
    }
    if answers.failure or needed == answers.filled:
        return answers
    again = _tolerant(replace(question, fill=needed), run)
    return answers if again.failure else again


def _is_needed(answers: Answers, name: str) -> bool:
    return name in answers.variables and answers.variables[name].is_required


def ask_for_sources(question: Question, answers: Answers, run: Run) -> Answers | None:
    """Ask once more with every variable filled that may lead to a secret, a host or a database; None when that fails.

    By their values it is seen which setting comes from which variable. An address may be taken apart at once, and a
    value that is none fails there: then those are left out.
    """
    kept = {*question.given, *(name for name, value in answers.filled.items() if value.startswith(PEM))}
    names = [name for name in answers.variables if name not in kept and WORTH_FILLING.search(name)]
    plain = [name for name in names if not ADDRESSES & set(name.split("_"))]
    for filled in (names, plain) if plain != names else (names,):
        fill = {name: f"survey-{name.lower().replace('_', '-')}-value" for name in filled}
        again = _once(replace(question, fill={**answers.filled, **fill}, parts=SETTINGS_ALONE), run)
        if again.failure is None:
            return again
    return None


def ask_for_engine(question: Question, answers: Answers, run: Run) -> str:
    """The variable that the engine of the default database comes from; "" when it comes from none."""
    names = [name for name in answers.variables if name not in question.given and "ENGINE" in name.upper()]
    fill = {name: f"survey-{name.lower().replace('_', '-')}-value" for name in names}
    asked = replace(question, fill={**answers.filled, **fill}, parts=SETTINGS_ALONE)
    again = _once(asked, run) if names else answers
    return next((name for name in again.readers_of(again.database().get("ENGINE", "")) if name in fill), "")


def _named(answers: Answers, seen: set[str]) -> dict[str, str]:
    """Placeholders for the variables that the failure names."""
    assert answers.failure is not None  # noqa: S101 - the caller looked
    named = set(re.findall(r"[A-Za-z][A-Za-z0-9_]+", answers.failure.message))
    found = [v for v in answers.variables.values() if v.name in named and v.name not in {*seen, *answers.filled}]
    return {variable.name: _placeholder(variable) for variable in found}


def _as_key(answers: Answers) -> dict[str, str]:
    """A private key for a variable that was to have one, as the failure says."""
    assert answers.failure is not None  # noqa: S101 - the caller looked
    if not re.search(r"\bPEM\b|private key", answers.failure.message):
        return {}
    names = [name for name, value in answers.filled.items() if "KEY" in name and not value.startswith(PEM)]
    made = private_key() if names else ""
    return {name: made for name in names if made}


def _as_database(answers: Answers) -> dict[str, str]:
    """A database's address for a variable that was to have one, as the failure says."""
    assert answers.failure is not None  # noqa: S101 - the caller looked
    if not re.search(r"isn't an available database backend|Scheme .* is unknown", answers.failure.message):
        return {}
    names = [name for name, value in answers.filled.items() if value.startswith("https://")]
    return {name: placeholder(f"DATABASE_{name}") for name in names}


def _guessed(answers: Answers, seen: set[str], *, takes_all: bool) -> dict[str, str]:
    """Placeholders for what has no default: the variable that was read last, or all."""
    assert answers.failure is not None  # noqa: S101 - the caller looked
    if answers.failure.kind in NO_VARIABLE:
        return {}
    empty = [v for v in answers.variables.values() if v.default is None and v.name not in {*seen, *answers.filled}]
    return {variable.name: _placeholder(variable) for variable in (empty if takes_all else empty[-1:])}


def _placeholder(variable: Variable) -> str:
    return placeholder(variable.name, variable.forms[0] if variable.forms else "")


def _once(question: Question, run: Run) -> Answers:
    status, output, errors = run(json.dumps(question.as_json()))
    line = next((line for line in reversed(output.splitlines()) if line.startswith(MARK)), None)
    if line is None:
        last = ([text for text in errors.splitlines() if text.strip()] or ["no message"])[-1]
        raise NoAnswer(f"it ended with status {status} and no answer: {last.strip()[:400]}")
    return parse_answers(question.settings, question.given, json.loads(line.removeprefix(MARK)))


def in_python(
    python: Path, folder: Path, given: Mapping[str, str], prefix: Sequence[str] = (), seconds: float = TIMEOUT_SECONDS
) -> Run:
    """Run it with this Python in this folder, the project's; `prefix` fences the command in."""

    def run(asked: str) -> tuple[int, str, str]:
        with tempfile.TemporaryDirectory(prefix="ferryman-") as home:
            program = Path(home, "survey.pyz")
            program.write_bytes(zipped())
            variables = {"HOME": home, "PATH": f"{python.parent}:{os.environ.get('PATH', '')}", "LANG": "C.UTF-8"}
            try:
                done = subprocess.run(
                    [*prefix, str(python), "-B", str(program)],
                    cwd=folder,
                    env={**variables, **given},
                    input=asked.encode(),
                    capture_output=True,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise NoAnswer(f"it did not answer within {seconds:.0f} s") from None
        output = done.stdout[-LARGEST_ANSWER_BYTES:].decode(errors="replace")
        return done.returncode, output, done.stderr[-LARGEST_ANSWER_BYTES:].decode(errors="replace")

    return run


def zipped() -> bytes:
    """The program inside as one file that Python runs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for package in ("ferryman", "ferryman/survey"):
            archive.writestr(f"{package}/__init__.py", "")
        for module in files("ferryman.survey.inside").iterdir():
            if module.name.endswith(".py"):
                archive.writestr(f"ferryman/survey/inside/{module.name}", module.read_bytes())
        archive.writestr("__main__.py", "from ferryman.survey.inside.main import main\n\nmain()\n")
    return packed.getvalue()
