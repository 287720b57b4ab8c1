"""Shipping: a commit or a retained release brought to an environment, verified from outside, `latest` moved."""
