"""Tests of Harbour."""
