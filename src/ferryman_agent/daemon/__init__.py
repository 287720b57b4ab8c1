"""The daemon: the agent as one process, which answers calls and has its duties done."""
