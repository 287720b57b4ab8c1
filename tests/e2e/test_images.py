"""Images: built from the commit by a real engine, asked for their migrations, pushed to a real registry."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from shop import remove_images

from ferryman.errors import DeployFailed, FerrymanError, Refused, UsageError
from ferryman.image.build import BuildRequest, build_cache, build_image
from ferryman.image.credentials import Credentials
from ferryman.image.push import push
from ferryman.image.reference import split_reference
from ferryman.image.registry import Registry, manifest_digest, set_tag
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.stand_ins import PYTHON, Images

PINNED = f"{PYTHON}@sha256:{'9' * 64}"
DOCKERFILE = f"""\
FROM {PINNED}
RUN pip install --no-cache-dir "django~=5.2.0"
WORKDIR /app
COPY . .
USER 10001
CMD ["python", "manage.py", "runserver"]
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.invalid", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def request_for(project: Path, images: Images, docker: Docker) -> Iterator[BuildRequest]:
    """A build of the project, whose pinned base is a stand-in. Its images are removed at the end."""
    images.ensure(PYTHON)
    name = f"ferryman-test/{project.name.lower()}"
    yield BuildRequest(
        project=project, image=name, migrate=("python", "manage.py", "migrate"), stand_ins=frozenset({PYTHON})
    )
    remove_images(docker, name)


def labels(docker: Docker, reference: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        docker.run(["image", "inspect", "--format", "{{json .Config.Labels}}", reference])
    )
    return found


def test_an_image_knows_its_revision_and_its_migrations(request_for: BuildRequest, docker: Docker) -> None:
    lines: list[str] = []
    sha = git(request_for.project, "rev-parse", "HEAD")

    built = build_image(replace(request_for, on_line=lines.append))

    assert built.reference == f"{request_for.image}:{sha}"
    assert built.migrations is not None
    assert "auth.0001_initial" in built.migrations
    found = labels(docker, built.reference)
    assert found["org.opencontainers.image.revision"] == sha
    assert found["ferryman.committed"] == git(request_for.project, "log", "-1", "--format=%cI")
    assert json.loads(found["ferryman.migrations"]) == built.migrations
    assert f"built from stand-ins on this machine: {PYTHON}" in lines
    assert build_image(request_for).was_there


def test_an_empty_commit_is_an_image_of_its_own(request_for: BuildRequest) -> None:
    before = build_image(request_for)
    sha = commit(request_for.project)

    built = build_image(request_for)

    assert built.revision == sha != before.revision
    assert built.migrations == before.migrations


def test_a_dirty_tree_is_refused_or_labelled(request_for: BuildRequest, docker: Docker) -> None:
    urls = request_for.project / "shop" / "urls.py"
    text = urls.read_text()
    urls.write_text(text + "# changed\n")
    try:
        with pytest.raises(Refused) as caught:
            build_image(request_for)
        assert (caught.value.code, caught.value.exit_status) == ("dirty-tree", 3)
        assert "shop/urls.py" in caught.value.message

        built = build_image(replace(request_for, allow_dirty=True))
        assert built.is_dirty
        assert f":{built.revision}-dirty-" in built.reference
        assert labels(docker, built.reference)["ferryman.dirty"] == "true"
    finally:
        urls.write_text(text)


def test_an_older_revision_can_be_built_beside_uncommitted_work(request_for: BuildRequest) -> None:
    manage = request_for.project / "manage.py"
    text = manage.read_text()
    manage.write_text("uncommitted\n")
    try:
        built = build_image(replace(request_for, revision="HEAD"))
        assert not built.is_dirty
    finally:
        manage.write_text(text)


def test_a_build_that_fails_shows_its_last_lines(request_for: BuildRequest) -> None:
    (request_for.project / "Broken").write_text(f"FROM {PINNED}\nRUN echo the reason >&2; exit 7\n")
    commit(request_for.project)

    with pytest.raises(DeployFailed) as caught:
        build_image(replace(request_for, dockerfile="Broken"))

    assert caught.value.code == "build-failed"
    assert "the reason" in caught.value.message


def test_settings_that_need_more_leave_the_migrations_unknown(request_for: BuildRequest, docker: Docker) -> None:
    settings = request_for.project / "shop" / "settings.py"
    text = settings.read_text()
    settings.write_text(text + "import os\nos.environ['STRIPE_KEY']\n")
    commit(request_for.project)

    built = build_image(request_for)
    assert built.migrations is None
    assert "KeyError: 'STRIPE_KEY'" in built.unread
    assert "ferryman.migrations" not in labels(docker, built.reference)

    assert build_image(replace(request_for, variables={"STRIPE_KEY": "unset"})).migrations
    settings.write_text(text)
    commit(request_for.project)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"revision": "nowhere"}, "unknown-revision"),
        ({"context": "backend"}, "context-missing"),
        ({"dockerfile": "Missing"}, "dockerfile-missing"),
    ],
)
def test_a_call_that_can_not_be_built_is_said_before_the_build(
    request_for: BuildRequest, change: dict[str, str], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        build_image(replace(request_for, **change))  # type: ignore[arg-type]

    assert caught.value.code == code


def test_an_image_is_pushed_once_and_a_tag_follows_it(request_for: BuildRequest, registry: LocalRegistry) -> None:
    built = build_image(request_for)
    address = registry.state.address
    elsewhere = f"{address}/{built.reference}"

    first = push(built.reference, None, lambda _: None, registry_override=address)
    again = push(built.reference, None, lambda _: None, registry_override=address)

    assert manifest_digest(elsewhere) == first.digest
    assert (first.was_there, again) == (False, replace(first, sent_bytes=0, was_there=True))
    assert set_tag(elsewhere.rpartition(":")[0], first.digest, "latest") is True
    commit(request_for.project)
    next_one = push(build_image(request_for).reference, None, lambda _: None, registry_override=address)
    assert next_one.digest != first.digest
    assert next_one.sent_bytes < 20_000


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_login_that_is_refused_is_said_before_anything_is_sent(
    request_for: BuildRequest, private_registry: LocalRegistry, password: str
) -> None:
    built = build_image(request_for)
    lines: list[str] = []
    login = Credentials(private_registry.state.username, password) if password else None

    with pytest.raises(Refused) as caught:
        push(built.reference, login, lines.append, registry_override=private_registry.state.address)

    assert caught.value.code == "registry-login-refused"
    assert lines == []


def test_a_login_reaches_the_registry_and_stays_nowhere(
    request_for: BuildRequest, private_registry: LocalRegistry, docker: Docker
) -> None:
    built = build_image(request_for)
    state = private_registry.state

    pushed = push(
        built.reference, Credentials(state.username, state.password), lambda _: None, registry_override=state.address
    )

    assert pushed.digest.startswith("sha256:")
    stored = Path.home() / ".docker" / "config.json"
    assert not stored.exists() or state.address not in stored.read_text()
    assert state.address not in docker.run(["images", "--format", "{{.Repository}}"])


def test_an_image_that_was_never_built_is_not_pushed(request_for: BuildRequest, registry: LocalRegistry) -> None:
    with pytest.raises(FerrymanError) as caught:
        push(f"{request_for.image}:never", None, lambda _: None, registry_override=registry.state.address)

    assert caught.value.code == "image-not-built"


def test_a_silent_engine_is_its_own_error(request_for: BuildRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    with pytest.raises(UsageError) as caught:
        build_image(request_for)

    assert caught.value.code == "engine-unreachable"


CACHED = f"""\
FROM {PINNED} AS base
FROM base AS dependencies
RUN echo installed > /dependencies
FROM base
COPY --from=dependencies /dependencies /
"""


def test_layers_of_the_dependencies_are_kept_in_the_registry_for_the_next_machine(
    project: Path, request_for: BuildRequest, registry: LocalRegistry, docker: Docker
) -> None:
    (project / "Dockerfile").write_text(CACHED)
    commit(project)
    image = f"{registry.state.address}/cached"
    request = replace(request_for, image=image, migrate=(), use_cache=True)
    try:
        built = build_image(request)  # the registry has no cache yet
        kept = build_cache(request)
        assert kept == f"{image}:cache"
        push(kept, None, lambda _: None)
        assert push(kept, None, lambda _: None).was_there
        found = image_configuration(kept)
        assert "moby.buildkit.cache.v0" in found
        docker.run(["rmi", kept, built.reference])
        lines: list[str] = []
        build_image(replace(request, on_line=lines.append))
        assert any(f"importing cache manifest from {kept}" in line for line in lines)
        (project / "Dockerfile").write_text(DOCKERFILE)
        commit(project)
        assert build_cache(request) is None
    finally:
        (project / "Dockerfile").write_text(DOCKERFILE)
        commit(project)
        remove_images(docker, image)


def image_configuration(reference: str) -> dict[str, object]:
    parts = split_reference(reference)
    with Registry(parts, None) as registry:
        found = registry.manifest(parts.version)
        return registry.image_configuration(found.configuration) if found else {}
