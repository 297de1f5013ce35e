"""Tests of the connectors to Alibaba Cloud."""
