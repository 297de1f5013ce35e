"""Alibaba Cloud: its certificate store (CAS) holds the certificates, its products bind them."""
