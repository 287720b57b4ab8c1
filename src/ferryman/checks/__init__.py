"""`check`: finds the mistakes that break deploys, in the text of a project's files."""
