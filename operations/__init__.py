"""The work itself, without Temporal; activities and the starter call it."""
