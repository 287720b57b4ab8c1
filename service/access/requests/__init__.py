"""How a request is judged: who it comes from, whether it is let in, and how often."""
