"""Channels on which contacts are told: mail, webhooks, chat."""
