"""The way up: a server of an earlier version, its apps with their data, and what this version makes of them.

How it goes: the command of the earlier version sets a server up and deploys `town.APPS` to it; then this version's
`server setup` runs under load. The tests are a story: each begins where the one before it ended.

A change to what is kept on a server (ledger, labels, files, names), to the protocol or to the manifest comes with:

1. The wheel of the version before it, in this folder: `git archive COMMIT | tar -x -C DIR`, there
   `python -m hatchling build -t wheel`, named `ferryman-VERSION-COMMIT.whl`, and a line in `earlier.VERSIONS`.
   A wheel is taken out with the last change that needs it. It runs with the libraries of this checkout.
2. What the change touches, on a server of that version: in an app of `town.APPS`, or as an app of its own. The first
   app is the sample that `make e2e` runs; the whole town and all versions are in `make slow`.
3. What must hold after the upgrade, as a test in `test_upgrade.py` before the removal, which comes last.
"""
