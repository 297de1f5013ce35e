"""Tests of the layout of the tree and of what is shipped: wheel, image, compose file, locks."""
