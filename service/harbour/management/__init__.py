"""Commands of Harbour."""
