"""Tests that kill, cut off and delay real processes at work, and check the results afterwards."""
