"""What stands between a request and whoever answers it: health, policies, slow bodies, static files."""
