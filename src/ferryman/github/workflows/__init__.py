"""GitHub Actions: the workflows that `init` writes, and what a command tells the run that it is part of."""
