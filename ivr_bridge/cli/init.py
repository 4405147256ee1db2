"""`ivr-bridge init DIR`: write the default configuration there, for an installation without a checkout."""

import argparse
import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ivr_bridge.errors import ConfigError

IN_WHEEL = "_config"


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("init", help="write the default config into a directory")
    parser.add_argument("directory", type=Path, metavar="DIR", help="gets config/; is made when it is not there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Copy the files; one that is there already is kept."""
    target: Path = arguments.directory / "config"
    with as_file(default_config()) as source:
        written = 0
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            place = target / file.relative_to(source)
            if place.exists():
                print(f"kept     {place}")
                continue
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
            except OSError as error:
                raise ConfigError(f"{place}: cannot be written: {error.strerror}") from error
            written += 1
            print(f"written  {place}")
    print(f"{written} files. Next: cd {arguments.directory} && ivr-bridge serve")
    return 0


def default_config() -> Any:
    """The default `config/`: in the wheel beside the package, in a checkout at its top."""
    package = files("ivr_bridge")
    shipped = package.joinpath(IN_WHEEL)
    return shipped if shipped.is_dir() else Path(str(package)).parent / "config"
