"""The revisions: one file for each schema, never changed once it was released."""
