"""The ways to channels. They know the core, and not one another."""
