"""Alibaba Cloud's API: clients, signatures, errors, regions, quotas."""
