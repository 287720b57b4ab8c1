"""The database backend: Django's for PostgreSQL, with a pool that fails fast while the database is lost."""
