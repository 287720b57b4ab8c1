"""A survey of one project: a copy of it, its packages, and questions to its code about a settings module."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from ferryman.survey import workspace
from ferryman.survey.answers import Answers, Failure
from ferryman.survey.asking import (
    GIVEN,
    TIMEOUT_SECONDS,
    NoAnswer,
    Question,
    Run,
    ask,
    ask_for_engine,
    ask_for_sources,
    in_python,
)
from ferryman.survey.environment import NoEnvironment, Wanted, compiled, install, make

POSTGRESQL = "django.db.backends.postgresql"
DEBUG_OFF = ("False", "0", "")
PRODUCTION = re.compile(r"(production|prod|live|deploy)", re.IGNORECASE)
LONGEST_SECONDS = 240.0  # of all questions to one project


@dataclass(frozen=True)
class Candidate:
    """A settings module that may be production's, and why."""

    module: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """The settings that were chosen, what they say, and variables that they need for it."""

    candidate: Candidate
    answers: Answers
    values: Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """The project: its folder, the folder of manage.py below it, and what is to be installed."""

    folder: Path
    manage: str
    wanted: Wanted


@dataclass
class Survey:
    """A project that can be asked. `python` is the version that it runs with here.

    `known`: placeholders with which the settings were loaded before, so that they need not be found again.
    """

    copy: Path
    manage: Path
    interpreter: Path
    python: str
    failures: dict[str, Failure] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def choose(self, candidates: Sequence[Candidate]) -> Choice | None:
        """The first candidate whose settings are loaded and are not for development, else the first that is loaded.

        DEBUG may bring packages that production does not have: where a variable switches it off, that is tried, too.
        """
        loaded: list[Choice] = []
        for candidate in candidates:
            self.known = {}
            answers, values = self._without_debug(candidate.module)
            if answers and answers.settings:
                answers, values = self._on_postgresql(answers, values)
            if answers is None or answers.failure:
                continue
            self.known = dict(answers.filled)
            loaded.append(Choice(candidate, answers, values))
            if not answers.settings.get("DEBUG"):
                return loaded[-1]
        self.known = dict(loaded[0].answers.filled) if loaded else {}
        return loaded[0] if loaded else None

    def _on_postgresql(self, answers: Answers, values: dict[str, str]) -> tuple[Answers, dict[str, str]]:
        """What the settings say when the variable that names their engine, if one does, names PostgreSQL."""
        engine = answers.database().get("ENGINE", "")
        if "postg" in engine:
            return answers, {**values, **{name: value for name, value in answers.filled.items() if value == engine}}
        try:
            name = ask_for_engine(self._question(answers.module), answers, self._run({**GIVEN, **values}))
        except NoAnswer:
            return answers, values
        found = self.ask(answers.module, {**values, name: POSTGRESQL}) if name else None
        return (found, {**values, name: POSTGRESQL}) if found and not found.failure else (answers, values)

    def _without_debug(self, module: str) -> tuple[Answers | None, dict[str, str]]:
        """What the settings say with DEBUG off, and the variable that does it, if one must."""
        answers = self.ask(module)
        if answers is None or not (answers.failure or answers.settings.get("DEBUG")):
            return answers, {}
        for name, words in _switches(answers):
            for value in words:
                found = self.ask(module, {name: value})
                if found and not found.failure and not found.settings.get("DEBUG"):
                    return found, {name: value}
                if found and found.failure and not _is_about(found.failure, name):
                    break  # another way to say it changes nothing
        return answers, {}

    def ask(self, module: str, values: Mapping[str, str] | None = None, parts: tuple[str, ...] = ()) -> Answers | None:
        """What the project says with these settings and more of the environment; None when it gives no answer.

        `parts` of Django that are asked, () for all.
        """
        given = {**GIVEN, **(values or {})}
        fill = {name: value for name, value in self.known.items() if name not in given}
        try:
            answers = ask(replace(self._question(module), given=given, fill=fill, parts=parts), self._run(given))
        except NoAnswer as error:
            self.failures[module] = Failure("NoAnswer", str(error))
            return None
        if answers.failure:
            self.failures[module] = answers.failure
        return answers

    def sources(self, answers: Answers) -> Answers | None:
        """The same once more with variables whose values tell which setting comes from them; None when that fails."""
        try:
            question = replace(self._question(answers.module), given=answers.given)
            return ask_for_sources(question, answers, self._run(answers.given))
        except NoAnswer:
            return None

    def install(self, words: Sequence[str]) -> None:
        """Add packages to its environment; NoEnvironment when they can't be installed."""
        install(self.interpreter, words, self.copy)

    def compiled(self) -> frozenset[str]:
        """The packages that had to be compiled here."""
        return compiled(self.interpreter)

    def add(self, texts: Mapping[str, str]) -> None:
        """Put planned files into the copy, to try them."""
        workspace.add(self.copy, texts)

    def _question(self, module: str) -> Question:
        package = module.partition(".")[0]
        return Question(module, modules=(f"{package}.celery", package, f"{package}.celery_app", "config.celery_app"))

    def _run(self, given: Mapping[str, str]) -> Run:
        left = LONGEST_SECONDS - (time.monotonic() - self.began)
        if left <= 0:
            raise NoAnswer(f"its settings took more than {LONGEST_SECONDS:.0f} s to be asked")
        return in_python(self.interpreter, self.manage, given, _closed_network(), min(TIMEOUT_SECONDS, left))


def _switches(answers: Answers) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Variables that may switch DEBUG off, and how: by their name, or by a word that the settings compare them with."""
    yield from ((name, DEBUG_OFF) for name in answers.variables if "DEBUG" in name.upper())
    for name, variable in answers.variables.items():
        words = tuple(word for word in variable.compared if PRODUCTION.match(word))
        if words:
            yield name, words


def _is_about(failure: Failure, name: str) -> bool:
    """Whether it may be the value of this variable that makes the settings fail."""
    return failure.kind in ("ValueError", "JSONDecodeError") or name in failure.message


@contextmanager
def surveyed(subject: Subject) -> Iterator[Survey]:
    """Copy the project and make its environment; NoEnvironment when it can't be run here."""
    with workspace.copied(subject.folder) as copy:
        python, version = make(subject.folder, copy, subject.wanted)
        yield Survey(copy, copy / subject.manage, python, version)


@cache
def _closed_network() -> tuple[str, ...]:
    """A network namespace of its own, where this user may have one."""
    unshare = shutil.which("unshare")
    if not unshare:
        return ()
    for words in ((unshare, "--net"), (unshare, "--user", "--map-current-user", "--net")):
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return words
    return ()


__all__ = ["Candidate", "NoEnvironment", "Subject", "Survey", "Wanted", "surveyed"]
