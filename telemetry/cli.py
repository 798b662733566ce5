"""`kega`: one command, whose parts load only when they are called."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

import click

from telemetry.errors import KegaError

EXIT_OK: Final = 0
EXIT_PROBLEM: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3

# command → where it lives and what `kega --help` says of it, so that help imports nothing
_COMMANDS: Final = {
    "demo": ("simulators.demo.cli:demo", "Run a small province on this machine."),
    "edge": ("edge.cli.main:edge", "The gateway: agent and technician's tools."),
    "cloud": ("cloud.cli.main:cloud", "The cloud tier: services and administration."),
    "sim": ("simulators.cli:sim", "Simulated devices, faults and load."),
    "monitor": ("telemetry.monitor.cli:monitor", "Watch the wire and name every broken rule."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run or asked for their own help."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, loaded or not."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it was not before."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module_name, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        rows = [(name, help_text) for name, (_, help_text) in self._lazy.items()]
        rows += [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kega")
def kega() -> None:
    """kega: the telemetry system of a province.

    Exit codes of every command: 0 ok, 1 problem found, 2 usage, 3 cannot reach.
    """


def main() -> None:
    """Entry point: errors of the product become one clear message and exit code 1 or 3."""
    try:
        code = kega.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except KegaError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_UNREACHABLE if error.unreachable else EXIT_PROBLEM)
    sys.exit(code if isinstance(code, int) else EXIT_OK)
