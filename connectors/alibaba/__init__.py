"""Alibaba Cloud: certificates lie in its certificate store (CAS), products bind them from there."""
