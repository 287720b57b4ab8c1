"""What runs in the project's Python: needs Django alone, and Python 3.8; prints one line of JSON."""
