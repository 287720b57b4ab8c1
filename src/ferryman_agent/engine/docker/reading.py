"""Pure: what the engine answers in JSON, in the port's words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ferryman_agent.engine.port import (
    Facts,
    Happened,
    Image,
    ImageUsage,
    Inspected,
    Keep,
    Observed,
    State,
    Subnet,
)

NEVER = "0001-"  # how the engine's zero time begins
NO_NAME = "<none>"
KEEPS = {keep.value: keep for keep in Keep}


def observed(found: Mapping[str, Any]) -> Observed:
    """A container of the engine's list."""
    return Observed(
        id=found["Id"],
        name=found["Names"][0].lstrip("/"),
        labels=found["Labels"] or {},
        state=State(found["State"]),
        addresses={name: str(end["IPAddress"] or "") for name, end in _networks(found).items()},
        published=frozenset(port["PublicPort"] for port in found.get("Ports") or [] if "PublicPort" in port),
    )


def inspected(found: Mapping[str, Any]) -> Inspected:
    """A container that was inspected; what is stopped has the address that it was given."""
    state, config, host = found["State"], found["Config"], found["HostConfig"]
    health = (state.get("Health") or {}).get("Status")
    return Inspected(
        id=found["Id"],
        name=found["Name"].lstrip("/"),
        labels=config["Labels"] or {},
        state=State(state["Status"]),
        addresses={name: _given_address(end) for name, end in _networks(found).items()},
        published=_published(found),
        image=config["Image"],
        user=config.get("User") or "",
        exit_code=int(state["ExitCode"]),
        is_out_of_memory=bool(state.get("OOMKilled")),
        restarts=int(found["RestartCount"]),
        health=None if health in ("none", "") else health,
        stop_grace=config.get("StopTimeout"),
        keep=KEEPS.get(host["RestartPolicy"]["Name"], Keep.NO),  # nobody but a person sets another one
        started_at=_time(state.get("StartedAt")),
        finished_at=_time(state.get("FinishedAt")),
        pid=int(state.get("Pid") or 0),
    )


def _networks(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(found["NetworkSettings"].get("Networks") or {})


def _given_address(endpoint: Mapping[str, Any]) -> str:
    fixed = (endpoint.get("IPAMConfig") or {}).get("IPv4Address")
    return str(fixed or endpoint.get("IPAddress") or "")


def _published(found: Mapping[str, Any]) -> frozenset[int]:
    ports = (found["NetworkSettings"].get("Ports") or {}).values()
    return frozenset(int(binding["HostPort"]) for bindings in ports for binding in bindings or [])


def _time(text: str | None) -> str:
    return "" if not text or text.startswith(NEVER) else text


def image_of(found: Mapping[str, Any]) -> Image:
    """An image, of the engine's list or inspected."""
    config = found.get("Config") or {}
    return Image(
        id=found["Id"],
        size=int(found.get("Size") or 0),
        architecture=found.get("Architecture") or "",
        user=config.get("User") or "",
        labels=config.get("Labels") or found.get("Labels") or {},
        digests=_names(found.get("RepoDigests")),
        tags=_names(found.get("RepoTags")),
    )


def _names(found: list[str] | None) -> tuple[str, ...]:
    return tuple(name for name in found or [] if not name.startswith(NO_NAME))


def usage_of(found: Mapping[str, Any]) -> ImageUsage | None:
    """What `docker system df` shows of images; None when it does not."""
    if found.get("LayersSize") is None:
        return None
    images = found.get("Images") or []
    return ImageUsage(
        layers=int(found["LayersSize"]),
        images={image["Id"]: (int(image["Size"]), int(image.get("SharedSize", -1))) for image in images},
    )


def subnets_of(found: Mapping[str, Any]) -> list[Subnet]:
    """A network's subnets."""
    return [Subnet(part["Subnet"], part.get("IPRange") or "") for part in found["IPAM"]["Config"] or []]


def memory_of(found: Mapping[str, Any]) -> int | None:
    """A container's statistics: bytes that it uses, without what the kernel can drop."""
    used = found.get("memory_stats", {})
    kept = used.get("stats", {})
    droppable = kept.get("inactive_file", kept.get("total_inactive_file", 0))
    return int(used["usage"] - droppable) if used.get("usage") else None


def facts_of(version: Mapping[str, Any], folder: Path) -> Facts:
    """The engine's own description."""
    return Facts(version["Version"], version["Arch"], folder)


def happened(found: Mapping[str, Any]) -> Happened:
    """One of the engine's events."""
    return Happened(found["Type"], found["Action"], str(found["Actor"]["Attributes"].get("name", "")))
