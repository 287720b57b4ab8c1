"""Stores a report in one transaction with a number of queries that does not depend on its size."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from fleet import history, notices
from fleet.gaps import close
from fleet.models import App, Deployment, Environment, Release, Server
from fleet.report import Event, OfDeployment, Receipt, Report, Started
from fleet.rows import insert_events, known_sequences, upsert_deployments

Place = tuple[str, str]
RELEASE_FIELDS = ["revision", "image", "digest", "environment_version"]


class ForeignDeployment(Exception):
    """A report tells about a deployment that another server, or another environment, has reported."""


def record(server: Server, report: Report) -> Receipt:
    """Store what is new in the report; all of it or nothing.

    1. Lock the server's row: reports of one server are stored one after another.
    2. Leave out the events that are known.
    3. Store apps, environments, releases, deployments, events, notices, and what serves now.
    4. Note in the server's row what has come and what is missing.
    """
    sequences = [event.sequence for event in report.events]
    now = timezone.now()
    try:
        with transaction.atomic():
            stored = Server.objects.select_for_update().only("last_sequence", "gaps").get(pk=server.pk)
            # What lies beyond the last one can't be known: usually that is all, and nothing is asked.
            asked = sequences if sequences[0] <= stored.last_sequence else []
            known = known_sequences(server.pk, asked) if asked else set()
            fresh = [event for event in report.events if event.sequence not in known]
            if fresh:
                _store(server, fresh, now)
            gaps, last = close(stored.gaps, stored.last_sequence, sequences)
            Server.objects.filter(pk=server.pk).update(
                last_reported_at=now, agent=report.agent, last_sequence=last, gaps=gaps
            )
    except IntegrityError as error:
        raise ForeignDeployment from error
    return Receipt(accepted=len(fresh), duplicates=len(known), last_sequence=last, gaps=gaps)


def _store(server: Server, events: list[Event], now: datetime) -> None:
    environments = _environments(server, {event.place for event in events if event.place})
    releases = _releases(environments, events)
    deployments = _deployments(server, environments, releases, events)
    insert_events(server.pk, events, environments, deployments, now)
    notices.store(server, environments, events)
    _serve(environments.values(), deployments.values())


def _environments(server: Server, places: set[Place]) -> dict[Place, Environment]:
    stored = _stored_environments(server, places)
    if missing := places - stored.keys():
        # Sorted, so that two servers that report the same new apps wait for each other instead of deadlocking.
        names = sorted({app for app, _ in missing})
        App.objects.bulk_create([App(name=name) for name in names], ignore_conflicts=True)
        apps = {app.name: app for app in App.objects.filter(name__in=names)}
        Environment.objects.bulk_create(
            [Environment(app=apps[app], server=server, name=name) for app, name in sorted(missing)],
            ignore_conflicts=True,
        )
        stored = _stored_environments(server, places)
    return stored


def _stored_environments(server: Server, places: set[Place]) -> dict[Place, Environment]:
    apps = {app for app, _ in places}
    found = Environment.objects.select_related("app").filter(server=server, app__name__in=apps) if apps else ()
    return {(environment.app.name, environment.name): environment for environment in found}


def _releases(environments: dict[Place, Environment], events: list[Event]) -> dict[tuple[int, int], Release]:
    releases = {}
    for event in events:
        if not (event.place and isinstance(event.details, Started) and event.details.release):
            continue
        reported = event.details.release
        environment = environments[event.place]
        releases[environment.pk, reported.number] = Release(
            environment=environment,
            number=reported.number,
            revision=reported.revision,
            image=reported.image,
            digest=reported.digest or "",
            environment_version=reported.environment_version,
            created_at=event.at,
        )
    Release.objects.bulk_create(
        releases.values(),
        update_conflicts=True,
        unique_fields=["environment", "number"],
        update_fields=RELEASE_FIELDS,
    )
    return releases


def _deployments(
    server: Server,
    environments: dict[Place, Environment],
    releases: dict[tuple[int, int], Release],
    events: list[Event],
) -> dict[UUID, Deployment]:
    numbers = {event.deployment for event in events if event.deployment}
    known = Deployment.objects.select_related("environment", "release").in_bulk(numbers) if numbers else {}
    if any(deployment.environment.server_id != server.pk for deployment in known.values()):
        raise ForeignDeployment
    told = set[UUID]()
    for event in events:
        if not isinstance(event.details, OfDeployment) or event.place is None or event.deployment is None:
            continue
        environment = environments[event.place]
        deployment = known.get(event.deployment)
        if deployment is None:
            deployment = known[event.deployment] = history.begin(event.deployment, event, environment)
        if deployment.environment_id != environment.pk:
            raise ForeignDeployment
        history.fold(deployment, event, releases)
        told.add(event.deployment)
    changed = [known[number] for number in told]
    if changed and upsert_deployments(changed) != len(changed):
        raise ForeignDeployment
    return known


def _serve(environments: Iterable[Environment], deployments: Iterable[Deployment]) -> None:
    by_id = {environment.pk: environment for environment in environments}
    changed = set()
    for deployment in deployments:
        environment = by_id.get(deployment.environment_id)
        if environment is None or not history.brought_to_serve(deployment):
            continue
        since = deployment.finished_at or deployment.started_at
        if environment.serving_since is None or since > environment.serving_since:
            environment.release = deployment.release
            environment.serving_since = since
            changed.add(environment)
    if changed:
        Environment.objects.bulk_update(changed, ["release", "serving_since"])
