"""Who may see and do what: people, their roles per app, invitations, tokens."""
