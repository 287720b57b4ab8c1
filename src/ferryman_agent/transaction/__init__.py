"""The transaction: a deploy or a rollback, from preflight to retention."""
