"""Images: built from a commit, labelled, pushed to a registry, found there again."""
