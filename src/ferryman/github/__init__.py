"""A repository on GitHub, over its REST API: which branches were merged, and how branches are protected."""
