"""What is said of the Sentry that guardian tells its own errors to."""


def no_dsn(path: str, reason: str) -> str:
    """The file holds no DSN; guardian goes on without."""
    return f"guardian's own errors are not told to Sentry: {path} holds no DSN ({reason})"


def unknown_project(project: str) -> str:
    """Sentry does not know the project."""
    return f"Sentry knows no project {project}, or the token may not use it: check `projects` and the scope `project:releases`"
