"""Builds an app's image from a commit, and labels it with its revision and the migrations it knows."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman.config import Configuration
from ferryman.docker_command import build_command, docker_command
from ferryman.errors import DeployFailed, Refused, UsageError
from ferryman.git.export import export_tree, export_working_tree
from ferryman.git.repository import commit_time, dirty_files, find_repository, resolve_revision
from ferryman.image.dockerfile import GENERATED, without_pins
from ferryman.image.migrations import Migrations, placeholders, read_migrations
from ferryman.process import OnLine, answer, watch

LABEL_REVISION = "org.opencontainers.image.revision"
LABEL_MIGRATIONS = "ferryman.migrations"
NO_DATABASE = "the app has no database"
LABEL_DIRTY = "ferryman.dirty"
LABEL_RECIPE = "ferryman.recipe"
# The image's own time is that of its last layer, which a build cache may have from long ago.
LABEL_COMMITTED = "ferryman.committed"
# The stage whose layers are worth keeping for a machine that has none: it changes with the lock, not with the code.
CACHE_STAGE = "dependencies"
CACHE_TAG = "cache"
HAS_CACHE_STAGE = re.compile(rf"^\s*FROM\s.*\sAS\s+{CACHE_STAGE}\s*$", re.IGNORECASE | re.MULTILINE)

# Attestations would make the digest differ from build to build.
BUILD_VARIABLES = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


def _ignore(line: str) -> None:
    """Drop a line of output."""


@dataclass(frozen=True)
class BuildRequest:
    """What to build. `revision` None: HEAD, and the tracked files must not differ from it.

    `use_cache`: take layers from the image that `build_cache` made and somebody pushed. `labels_migrations`: the image
    tells its migrations to whoever deploys it, for which it is started once and built a second time.
    """

    project: Path
    image: str
    context: str = "."
    dockerfile: str = "Dockerfile"
    migrate: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    revision: str | None = None
    allow_dirty: bool = False
    platform: str = ""
    stand_ins: frozenset[str] = frozenset()
    use_cache: bool = False
    labels_migrations: bool = True
    on_line: OnLine = _ignore

    @classmethod
    def of(cls, configuration: Configuration, revision: str | None = None) -> BuildRequest:
        """Return the request for a configured app."""
        app, database = configuration.app, configuration.database
        return cls(
            project=configuration.root,
            image=app.image,
            context=app.context,
            dockerfile=app.dockerfile,
            migrate=tuple(database.migrate) if database else (),
            variables=placeholders(configuration),
            revision=revision,
            platform=app.platform or "",
        )

    @property
    def cache(self) -> str:
        """Return the name of the image with the layers of CACHE_STAGE."""
        return f"{self.image}:{CACHE_TAG}"

    @property
    def recipe(self) -> str:
        """Return what, besides the commit, decides about the image."""
        parts = [self.context, self.dockerfile, list(self.migrate), sorted(self.stand_ins), self.platform]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class BuiltImage:
    """An image in the local engine. `migrations` None: not known; `unread` says why where the image was asked."""

    reference: str
    revision: str
    size: int
    migrations: list[str] | None = None
    unread: str = ""
    is_dirty: bool = False
    was_there: bool = False
    id: str = ""


def build_image(request: BuildRequest) -> BuiltImage:
    """Build `<image>:<revision>` in the local engine.

    1. Resolve the revision; refuse a dirty tree, unless it was allowed. 2. Nothing to do when the image is there.
    3. Export the files into an empty folder, so that nothing uncommitted gets in. 4. Build. With `labels_migrations`:
    5. Ask the image for its migrations. 6. Build again with the labels: all layers come from the cache.
    Raises unknown-revision, dirty-tree, not-a-repository, buildkit-missing, engine-unreachable, build-failed.
    """
    repository = find_repository(request.project)
    context = repository.context(request.context)
    sha = resolve_revision(repository.root, "HEAD" if request.revision is None else request.revision)
    is_dirty = _check_tree(request, repository.root, context)
    if not is_dirty and (found := _built_before(request, sha)):
        return found
    with tempfile.TemporaryDirectory(prefix="ferryman-build-") as folder:
        tree = Path(folder, "tree")
        tree.mkdir()
        tag = sha
        if is_dirty:
            tag = f"{sha}-dirty-{export_working_tree(repository.root, context, tree)}"
        else:
            export_tree(repository.root, sha, context, tree)
        _prepare_dockerfile(request, tree)
        build = _Build(request, tree, f"{request.image}:{tag}", _labels(request, repository.root, sha, is_dirty))
        migrations = build.run()
    inspected = _inspect(build.reference) or {"Size": 0, "Id": ""}
    return BuiltImage(
        reference=build.reference,
        revision=sha,
        size=int(inspected["Size"]),
        migrations=None if migrations.known is None else list(migrations.known),
        unread=migrations.reason,
        is_dirty=is_dirty,
        id=str(inspected["Id"]),
    )


def build_cache(request: BuildRequest) -> str | None:
    """Build the stage `dependencies` of the commit as an image of its own that later builds take layers from.

    Right after `build_image` all its layers are here. Returns its name, None when the Dockerfile has no such stage.
    """
    repository = find_repository(request.project)
    context = repository.context(request.context)
    sha = resolve_revision(repository.root, "HEAD" if request.revision is None else request.revision)
    with tempfile.TemporaryDirectory(prefix="ferryman-build-") as folder:
        tree = Path(folder, "tree")
        tree.mkdir()
        export_tree(repository.root, sha, context, tree)
        _prepare_dockerfile(request, tree)
        if not HAS_CACHE_STAGE.search((tree / request.dockerfile).read_text(encoding="utf-8")):
            return None
        _Build(request, tree, request.cache, {}).build_stage()
    return request.cache


@dataclass(frozen=True)
class _Build:
    request: BuildRequest
    tree: Path
    reference: str
    labels: Mapping[str, str]

    def run(self) -> Migrations:
        self._build(self.labels)
        if not self.request.migrate:
            return Migrations(None, NO_DATABASE)
        if not self.request.labels_migrations:
            return Migrations(None)
        docker = docker_command()
        unlabelled = (_inspect(self.reference) or {}).get("Id", "")
        migrations = read_migrations(docker, self.reference, self.request.migrate, self.request.variables)
        if migrations.known is None:
            self.request.on_line(f"the image's migrations are not known: {migrations.reason}")
            return migrations
        self._build({**self.labels, LABEL_MIGRATIONS: json.dumps(migrations.known)})
        answer([*docker, "image", "rm", "--no-prune", unlabelled])
        return migrations

    def build_stage(self) -> None:
        """Build the stage that is kept, with the notes in it by which a build knows its layers again."""
        self._build({}, f"--target={CACHE_STAGE}", "--build-arg=BUILDKIT_INLINE_CACHE=1")

    def _build(self, labels: Mapping[str, str], *options: str) -> None:
        command, variables = build_command()
        arguments = [*command, "build", "--progress=plain", f"--tag={self.reference}", *options]
        arguments += [f"--label={name}={value}" for name, value in labels.items()]
        arguments += [f"--cache-from={self.request.cache}"] if self.request.use_cache else []
        arguments += [f"--platform={self.request.platform}"] if self.request.platform else []
        arguments += [f"--file={self.tree / self.request.dockerfile}", str(self.tree)]
        finished = watch(arguments, self.request.on_line, variables={**BUILD_VARIABLES, **variables})
        if finished.status != 0:
            require_engine(docker_command())
            raise DeployFailed(
                "build-failed",
                f"the image was not built; the build's last lines:\n{_indented(finished.lines)}",
                state="no server was touched",
                hint=self._hint(),
                details={"log": list(finished.lines), "exit_code": finished.status},
            )

    def _hint(self) -> str:
        place = posixpath.normpath(posixpath.join(self.request.context, self.request.dockerfile))
        text = (self.tree / self.request.dockerfile).read_text(encoding="utf-8", errors="replace")
        if text.startswith(GENERATED):
            return f"the Dockerfile is {place}"
        return f"the Dockerfile is {place}, the project's own; `ferryman init --generate-dockerfile` writes another"


def require_engine(docker: Sequence[str]) -> None:
    """Raise UsageError `engine-unreachable` unless the Docker Engine answers."""
    status, _, errors = answer([*docker, "version", "--format", "{{.Server.Version}}"])
    if status != 0:
        raise UsageError(
            "engine-unreachable",
            f"the Docker Engine does not answer ({(errors.strip().splitlines() or ['no message'])[-1]})",
            hint="start it (`systemctl start docker`), or set DOCKER_HOST to one that runs",
        )


def _check_tree(request: BuildRequest, root: Path, context: str) -> bool:
    # A revision that is named is built from its commit, whatever the working tree looks like.
    changed = dirty_files(root, context) if request.revision is None else []
    if changed and not request.allow_dirty:
        listed = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise Refused(
            "dirty-tree",
            f"these files differ from the commit that would be built: {listed}",
            state="nothing was built",
            hint="commit them, or call with --allow-dirty to build a labelled image from the working tree",
        )
    return bool(changed)


def _labels(request: BuildRequest, repository: Path, sha: str, is_dirty: bool) -> dict[str, str]:
    committed = commit_time(repository, sha)
    labels = {LABEL_REVISION: sha, LABEL_RECIPE: request.recipe, LABEL_COMMITTED: committed}
    return {**labels, LABEL_DIRTY: "true"} if is_dirty else labels


def _built_before(request: BuildRequest, sha: str) -> BuiltImage | None:
    reference = f"{request.image}:{sha}"
    found = _inspect(reference)
    labels = (found["Config"].get("Labels") or {}) if found else {}
    if not found or labels.get(LABEL_REVISION) != sha or labels.get(LABEL_RECIPE) != request.recipe:
        return None
    if request.migrate and request.labels_migrations and LABEL_MIGRATIONS not in labels:
        return None
    migrations = json.loads(labels.get(LABEL_MIGRATIONS, "null")) if request.migrate else None
    unread = "" if request.migrate else NO_DATABASE
    return BuiltImage(reference, sha, int(found["Size"]), migrations, unread, was_there=True, id=str(found["Id"]))


def _prepare_dockerfile(request: BuildRequest, tree: Path) -> None:
    path = tree / request.dockerfile
    if not path.is_file():
        raise UsageError(
            "dockerfile-missing",
            f"the commit has no {request.context}/{request.dockerfile}",
            hint="`ferryman init` writes one; commit it",
        )
    text, used = without_pins(path.read_text(encoding="utf-8"), request.stand_ins)
    if used:
        path.write_text(text, encoding="utf-8")
        request.on_line(f"built from stand-ins on this machine: {', '.join(used)}")


def _inspect(reference: str) -> dict[str, Any] | None:
    status, output, _ = answer([*docker_command(), "image", "inspect", reference])
    if status != 0:
        return None
    found: dict[str, Any] = json.loads(output)[0]
    return found


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
