"""Alibaba Cloud's certificate stores: CAS, and CLB's own."""
