"""Accessories: their containers, and the steps that make, replace and remove them."""
