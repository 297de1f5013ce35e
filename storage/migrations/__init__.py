"""The history of the schema, run by storage.schema; revisions are numbered from 0001."""
