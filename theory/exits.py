"""Exit statuses of every command: what came out, told apart from what went wrong."""

STANDS = 0  # everything that was asked stands
WRONG = 1  # a statement is wrong
BAD_INPUT = 2  # the input or the machine: memory, disk, a file that cannot be written
OPEN = 3  # nothing is wrong, something is undecided or not testable
INTERRUPTED = 130  # Ctrl-C, as shells say it
