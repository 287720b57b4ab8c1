"""The Django project: settings, URLs, logs, health and error answers."""
