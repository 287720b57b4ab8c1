"""Images on this server: brought with the call's credentials, with a login that is kept, or with none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from ferryman_agent.engine import Engine, EngineError
from ferryman_agent.errors import AgentError
from ferryman_agent.host.logins import Logins, authentication, registry_of
from ferryman_agent.ledger import Release, ReleaseState


@dataclass
class Images:
    """Pulls what is missing."""

    engine: Engine
    logins: Logins

    def pull(self, image: str, credentials: dict[str, str] | None = None) -> None:
        """Bring an image that is no release's (PostgreSQL, an accessory) here; AgentError when it can't be had.

        With the call's credentials, else with the login that is kept, else with none.
        """
        auth = self._auth(image, credentials)
        if auth and credentials is None:
            with contextlib.suppress(EngineError):  # it may not be taken any more, and most of these need none
                self.engine.pull(image, auth, lambda: False)
                return
            auth = None
        try:
            self.engine.pull(image, auth, lambda: False)
        except EngineError as error:
            raise AgentError(
                "image-not-pulled",
                f"{image} can't be pulled: {error.reason}",
                hint=f"on the server: docker pull {image}",
            ) from error

    def pull_release(
        self,
        release: Release,
        credentials: dict[str, str] | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Bring a release's image by digest; False when it is here already.

        With the call's credentials, else with the login that is kept. AgentError `registry-login-refused`,
        `image-missing` or `image-not-in-registry`.
        """
        if self.engine.image(release.reference) is not None:
            return False
        auth = self._auth(release.image, credentials)
        try:
            self.engine.pull(release.reference, auth, is_cancelled)
        except EngineError as error:
            raise self._not_pulled(release, error, auth, is_kept=credentials is None) from error
        return True

    def _auth(self, image: str, credentials: dict[str, str] | None) -> dict[str, str] | None:
        """The engine's form of the call's credentials, else of the login that is kept for the image's registry."""
        registry = registry_of(image)
        login = credentials or self.logins.of(registry)
        return authentication(registry, login) if login else None

    def _not_pulled(
        self, release: Release, error: EngineError, auth: dict[str, str] | None, *, is_kept: bool
    ) -> AgentError:
        keep = f"ferryman registry login --to {release.app.rpartition('.')[2]}"
        why = self.engine.login(auth) if auth else ""
        if auth and why:
            whose = f"the login of {auth['username']}" + (" that is kept here" if is_kept else "")
            hint = keep if is_kept else "check DOCKER_USERNAME and DOCKER_PASSWORD"
            return AgentError("registry-login-refused", f"the registry refuses {whose}: {why}", hint=hint)
        if auth is None and release.state is ReleaseState.HEALTHY:
            return AgentError(
                "image-missing",
                f"the image of release {release.number} is not on this server any more, and without a login it can't be"
                f" pulled: {error.reason}",
                hint=f"{keep}; or call again with DOCKER_USERNAME and DOCKER_PASSWORD",
            )
        return AgentError(
            "image-not-in-registry",
            f"the server can't pull {release.reference}: {error.reason}",
            hint="push it with `ferryman build`, or name the registry's credentials",
        )
