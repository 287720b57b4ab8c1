"""Real faults at every step of a deploy, on a throw-away server under load: what came of each, as a matrix."""
