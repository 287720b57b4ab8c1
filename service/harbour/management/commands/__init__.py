"""Commands of Harbour as a whole, one module each."""
