"""The errors that reach a person, and the exit codes of the command line.

| code | meaning |
|---|---|
| 0 | done, nothing to complain about |
| 1 | the policy found something that this stack enforces |
| 2 | a mistake in the settings, the arguments or the input: the user can mend it |
| 3 | the environment failed: a tool, the network, the sandbox, the engine |
| 130 | interrupted |
"""


class SeawallError(Exception):
    """An error whose text is meant for a person: one clear statement, no traceback. Never holds a secret value."""

    exit_code = 3


class UserError(SeawallError):
    """A mistake that the user can mend: the text names the key or object, its value, what is allowed, what to do."""

    exit_code = 2


class EnvironmentFailure(SeawallError):
    """Something outside the settings failed (a build, a process, the network); the text says what, why, what to do."""

    exit_code = 3


class PolicyViolation(SeawallError):
    """A rule that this stack enforces was violated; nothing was changed."""

    exit_code = 1
