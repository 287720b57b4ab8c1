"""The story of a deploy and of a rollback, as the client sees it; `ferryman rehearse` tells it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.ahead import import_ahead
from ferryman.destination import Destination
from ferryman.errors import DeployFailed
from ferryman.events import OnEvent, step
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.report import ShippingReport
from ferryman.watching.interruption import Signals
from ferryman.watching.spectator import ask_transaction

INTERRUPTED = "not moved: the call was interrupted; the next deploy moves it"


@dataclass(frozen=True)
class Shipping:
    """One call that ships; `report` keeps what is known of it so far, also when it fails.

    `is_verified`: the service is asked from here after the commit, and only its answer moves `latest`.
    """

    destination: Destination
    variables: Mapping[str, str]
    report: ShippingReport
    on_event: OnEvent
    signals: Signals | None = None
    is_verified: bool = False

    def deploy(self, options: DeployOptions, turn: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ship a commit.

        1. Have its image in the registry. 2. Ask the agent, and stay to the end. 3. Ask the service from outside.
        4. Move `latest`, unless the call is to end or another release was committed meanwhile.
        """
        from ferryman.shipping.images import ship_image
        from ferryman.shipping.request import deploy_parameters

        image = ship_image(self.destination, options, self.variables, self.on_event)
        self.report.image_bytes = image.size or image.stored_bytes
        parameters = deploy_parameters(self.destination, image, options, self.variables)
        return self._carry_out("deploy", {**parameters, **(turn or {})})

    def roll_back(self, release: str, turn: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Go back to the release that `release` names; steps 2 to 4 of a deploy."""
        from ferryman.shipping.request import rollback_parameters

        return self._carry_out(
            "rollback", {**rollback_parameters(self.destination, release, self.variables), **(turn or {})}
        )

    def _carry_out(self, kind: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        import_ahead("ferryman.shipping.latest")
        result = ask_transaction(self.destination, kind, parameters, self.on_event, self.signals)
        is_ending = result["outcome"] == "committed"
        if self.is_verified and not is_ending:
            is_ending = not self._is_served_outside(result["release"])
        self.report.result = {**result, "latest": INTERRUPTED if is_ending else self._move_latest(result["release"])}
        return self.report.result

    def _is_served_outside(self, release: Mapping[str, Any]) -> bool:
        """Whether the service answered; False when the call was interrupted before it did."""
        from ferryman.shipping.outside import check_from_outside

        came = self.signals.came if self.signals else []
        try:
            with step("outside", self.on_event) as outside:
                answer = check_from_outside(self.destination, is_over=lambda: bool(came))
                self.report.checked = outside.detail = str(answer) if answer else "not asked: the call was interrupted"
        except DeployFailed as error:
            error.state = f"release {release['number']} is committed and serves; latest was not moved"
            error.hint = f"{error.hint}; to go back: ferryman rollback --to {self.destination.name}"
            raise
        return answer is not None

    def _move_latest(self, release: Mapping[str, Any]) -> str:
        from ferryman.shipping.latest import move_latest, why_overtaken

        overtaken = why_overtaken(self.destination, release) if self.is_verified else ""
        return overtaken or move_latest(self.destination, release["digest"], self.variables)
