"""What a script says while it works, and how it stops: one line that names the step, the cause and
what to do."""

import sys


class StepFailed(Exception):
    def __init__(self, cause, next_step):
        super().__init__(cause)
        self.next_step = next_step


def say(text):
    print(f"==> {text}", flush=True)


def run_steps(program, steps):
    """Runs (name, function) pairs in order; the first that fails ends the program with status 1."""
    for name, function in steps:
        try:
            function()
        except StepFailed as failure:
            stop_with(program, name, str(failure), failure.next_step)
        except Exception as failure:  # a cause nobody foresaw is still one clear line
            stop_with(program, name, f"{type(failure).__name__}: {failure}",
                      "correct the cause and run the same command again; it goes on from there")


def stop_with(program, name, cause, next_step):
    print(f'{program}: step "{name}" failed: {cause}. What to do: {next_step}',
          file=sys.stderr, flush=True)
    sys.exit(1)
