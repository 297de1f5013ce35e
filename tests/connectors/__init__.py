"""Tests of the connectors, each against the practice cloud's own process."""
