"""Runs the jobs of the queue: the command of the worker role."""

import asyncio
import signal
from typing import Any

import psycopg
from django.core.management.base import BaseCommand
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector
from typing_extensions import override

from ground.jobs import tell
from ground.postgresql.gate import RETRY_SECONDS, Gate

# Jobs that run get this long to end by themselves; those that look are then told to stop.
GRACE_SECONDS = 10.0
CONNECTIONS = 3
LOST = (psycopg.OperationalError, ConnectorException)


class Command(BaseCommand):
    """Runs until SIGTERM, and through any outage of the database."""

    help = "Run jobs in the background, until SIGTERM"

    @override
    def handle(self, *args: object, **options: Any) -> None:
        """Run jobs."""
        asyncio.run(work())


async def work() -> None:
    """Run jobs until SIGTERM or SIGINT; while the database is lost, look twice a second whether it is back."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gate = Gate()
    while not stop.is_set():
        try:
            with gate.passage():
                await (await psycopg.AsyncConnection.connect(**connector_params())).close()
            await _work(stop)
        except LOST as error:
            gate.close(str(error.__cause__ or error))
        await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
    except TimeoutError:
        return


async def _work(stop: asyncio.Event) -> None:
    """Run jobs until the event comes or the database goes. Raises ConnectorException, psycopg.OperationalError."""
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=CONNECTIONS, num_workers=1, timeout=5)
    with app.replace_connector(connector):
        async with app.open_async():
            running = asyncio.create_task(
                app.run_worker_async(
                    concurrency=2,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=GRACE_SECONDS,
                    worker_middleware=[tell],
                )
            )
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            running.cancel()
            try:
                await running
            except asyncio.CancelledError:
                return
