"""The demonstration: a real HAProxy, two little applications, steady traffic, and what became of it."""
