"""The pages of the fleet that people look at."""
