"""The commands of `certroll`, one file for each noun."""
