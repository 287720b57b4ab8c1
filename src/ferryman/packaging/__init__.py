"""How a project states its dependencies and its Python."""
