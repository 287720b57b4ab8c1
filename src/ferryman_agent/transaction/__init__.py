"""Transactions: what is asked of an app, carried out so that it happens in full or not at all."""
