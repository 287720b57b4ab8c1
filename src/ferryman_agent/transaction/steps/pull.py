"""The image comes by digest, for this server's architecture."""

from __future__ import annotations

from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.host.serving import serving_state
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.transaction import Transaction


def _plan(facts: Facts) -> str:
    return "the image is on the server already" if facts.has_image else f"pull {facts.wanted.image} by digest"


def _pull(transaction: Transaction, entry: StepEntry) -> None:
    """Bring the image; refuse one for another architecture."""
    host, release, journal = transaction.host, transaction.candidate, transaction.journal
    was_pulled = host.images.pull_release(release, transaction.credentials, lambda: journal.is_cancelled)
    journal.check_cancelled()
    transaction.image = image = host.engine.image(release.reference)
    if image is None:
        raise AgentError("image-not-in-registry", f"{release.reference} is not there after the pull")
    ours = host.engine.facts().architecture
    if image.architecture != ours:
        raise Refused(
            "wrong-architecture",
            f"the image is for {image.architecture}, this server is {ours}",
            state=serving_state(transaction.app),
            hint=f'set [app] platform = "linux/{ours}" and build it again',
        )
    if not was_pulled:
        entry.skip("the image is here already")


PULL = Step(StepName.PULL, _plan, _pull)
