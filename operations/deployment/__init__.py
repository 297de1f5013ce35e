"""The parts of one change: start time, guards, installation, lock, outcome; activities call it."""
