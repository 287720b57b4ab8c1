"""Runs: who may begin a transaction, when it is whose turn, and carrying it out."""
