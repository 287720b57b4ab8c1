"""Commands of Harbour, one module each."""
