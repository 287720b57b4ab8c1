"""Version 1 of the API: what its resources share, and the resources themselves."""
