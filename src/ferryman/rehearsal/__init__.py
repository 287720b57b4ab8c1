"""The rehearsal: the whole pipeline against a throw-away server and a local registry on this machine."""
