"""What we keep: tables, migrations, the vault for secrets. Knows the domain and nothing above."""
