"""Building plans from requests, files and the inventory."""
