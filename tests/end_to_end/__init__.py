"""Whole deployments: all services, SM2 pairs, a bad certificate, and the search for secrets."""
