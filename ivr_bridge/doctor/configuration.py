"""What the operator wrote: the environment, and `config/`."""

from collections.abc import Sequence

from ivr_bridge.doctor.examination import Check
from ivr_bridge.doctor.finding import Finding, Outcome, fine, wrong
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import ConfigError

SHOWN = 3
"""Problems that are told one by one."""
CHECK = "run `ivr-bridge check`: it lists each with file, line and remedy"


async def settings(around: Surroundings) -> Finding:
    """The environment was read, or there would be no surroundings; what it lacks is told by the check that needs it."""
    own = sorted(name.upper() for name in around.settings.model_fields_set)
    return fine(f"set: {', '.join(own)}" if own else "nothing is set: the defaults, and the offline agent")


def unread_settings(error: ConfigError, checks: Sequence[Check]) -> list[Outcome]:
    """What is told in place of an examination when the environment cannot be used."""
    first = Outcome("settings", wrong("; ".join(error.problems), "correct these variables"))
    rest = (check.name for check in checks if check.name != "settings")
    return [
        first,
        *(Outcome.not_asked(name, "the settings cannot be read", "see the check `settings`") for name in rest),
    ]


async def config(around: Surroundings) -> Finding:
    """Every file of `config/`, as `ivr-bridge check` reads them."""
    folder = around.settings.config_dir
    if not folder.is_dir():
        return wrong(f"{folder}: there is no such directory", "run `ivr-bridge init .`: it writes the default config")
    problems = await around.in_thread(around.check_config)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        more = f"; and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
        return wrong("; ".join(errors[:SHOWN]) + more, CHECK)
    if problems:
        return fine(f"{folder}: no problem, {len(problems)} warning{'s' * (len(problems) > 1)}", CHECK)
    return fine(f"{folder}: no problem")
