"""What stops, and what goes: a stop, a removal, releases and images that nothing retains."""
