"""People, their roles, invitations and tokens over the API."""
