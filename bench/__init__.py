"""Speed and size of Ferryman, as ratios against a floor measured in the same run: `python -m bench`."""
