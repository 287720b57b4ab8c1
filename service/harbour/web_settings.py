"""Settings of the processes that answer requests: as everywhere, with a pool of connections."""

from ground.configuration import database
from ground.telemetry.logs import logging_configuration
from harbour.settings import *  # noqa: F403
from harbour.settings import CONFIGURATION, DEBUG

DATABASES = {"default": database(CONFIGURATION.database_url, CONFIGURATION.connections)}
LOGGING = logging_configuration(CONFIGURATION.log_level, is_readable=DEBUG)
