"""Builds plans from requests, files and earlier plans; the starter calls it."""
