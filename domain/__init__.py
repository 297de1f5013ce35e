"""Words and rules: pure, no input or output. Imported by every layer above."""
