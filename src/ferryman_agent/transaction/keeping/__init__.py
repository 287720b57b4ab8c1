"""Keeping: every app is as the ledger says, whatever happened to it, and whatever was interrupted."""
