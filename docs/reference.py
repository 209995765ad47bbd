"""The reference pages, made from the code: `make docs` writes them, and tests compare them with what is there."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

ROOT = Path(__file__).parent
HERE = "<!-- Made by `make docs` from the code; do not edit. -->"


def settings_page() -> str:
    """Every setting with its variable, default and description."""
    from scrapr import settings

    lines = [
        "# Settings",
        HERE,
        "",
        "Read once, when a process starts, from the environment, or from a file in `/run/secrets` that is called as",
        "the variable without `SCRAPR_`, in lower case (`mongo_url`). A wrong or unknown variable ends the process",
        "with exit code 2 and a line that names it. `scrapr settings` lists the values in force, secrets hidden.",
    ]
    room = ""
    for each, name, field in settings.fields():
        if each != room:
            room = each
            summary = (settings.Settings.model_fields[each].annotation.__doc__ or "").strip().splitlines()[0]
            lines += ["", f"## {room}", "", summary, "", "| variable | default | |", "|---|---|---|"]
        default = field.get_default(call_default_factory=True)
        lines.append(
            f"| `{settings.variable(each, name)}` | {_default(default)} | {_cell(field.description or '')} |"
        )
    return "\n".join(lines) + "\n"


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        return ""
    if isinstance(value, tuple | list):
        value = ",".join(map(str, value))
    return f"`{value}`" if value not in (None, "") else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def cli_page() -> str:
    """Every command with its arguments and options."""
    from scrapr.cli.app import app

    # Any: typer carries a click of its own, whose types are not those of the package click.
    group: Any = typer.main.get_command(app)
    lines = ["# Commands", HERE, "", "`scrapr COMMAND --help` says the same."]
    for name, command in _commands(group, ""):
        lines += ["", f"## scrapr{name}", "", _paragraphs(command.help or ""), ""]
        lines += list(_parameters(command))
    return "\n".join(lines).rstrip() + "\n"


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All commands that are shown, those within groups too, with the words that they are called by."""
    for name, command in group.commands.items():
        if getattr(command, "invoke_without_command", False):
            yield f"{path} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _parameters(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.name == "help":
            continue
        is_option = parameter.param_type_name == "option"
        names = ", ".join(parameter.opts) if is_option else parameter.metavar or parameter.name.upper()
        default = parameter.default if parameter.default not in (None, False, ...) else None
        shown = f" (default `{default}`)" if default is not None and not callable(default) else ""
        yield f"- `{names}`: {_cell(parameter.help or '')}{shown}"


def api_page(documents: Mapping[str, Mapping[str, Any]]) -> str:
    """Every route of every role; `documents` are their OpenAPI documents by role."""
    lines = [
        "# HTTP",
        HERE,
        "",
        "Every route answers under `/v1` and, in the thesis's shapes, without it. Errors are",
        "`application/problem+json` (RFC 9457) and name each wrong field in `errors`. A parameter that a route does",
        "not know is a wrong field, too, but for health, metrics and the dashboard's files.",
        "`GET /openapi.json` of a role describes it in full.",
        "With `SCRAPR_WEB_TOKEN` set, every write needs the header `Authorization: Bearer <token>`;",
        "[access.md](access.md) says whose tokens are accepted, and how reads are made to need one.",
    ]
    for role, document in documents.items():
        lines += ["", f"## {role}", "", "| | | query |", "|---|---|---|"]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                query = ", ".join(
                    f"`{each['name']}`" for each in operation["parameters"] if each["in"] == "query"
                )
                lines.append(f"| `{method.upper()} {path}` | {_cell(operation['summary'])} | {query} |")
    return "\n".join(lines) + "\n"


def metrics_page(texts: Mapping[str, str]) -> str:
    """Every metric of every role; `texts` are their `/metrics` by role."""
    lines = ["# Metrics", HERE, "", "`GET /metrics` of each role, in Prometheus's text format."]
    of_role = {role: dict(_metrics(text)) for role, text in texts.items()}
    common = set.intersection(*(set(found) for found in of_role.values()))
    first = next(iter(of_role.values()))
    groups = {"every role": {name: first[name] for name in common}} | {
        role: {name: text for name, text in found.items() if name not in common}
        for role, found in of_role.items()
    }
    for group, found in groups.items():
        if found:
            lines += ["", f"## {group}", "", "| metric | |", "|---|---|"]
            lines += [f"| `{name}` | {_cell(text)} |" for name, text in sorted(found.items())]
    return "\n".join(lines) + "\n"


def _metrics(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        mark, _, rest = line.partition(" HELP ")
        name, _, told = rest.partition(" ")
        if mark == "#" and name.startswith("scrapr_") and not name.endswith("_created"):
            yield name, told


def main() -> None:
    """Write all pages; those of the roles from a machine started for it."""
    from tests.system.machine import ROLES, running

    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as machine:
        documents = {role: machine.get(role, "/openapi.json").json() for role in ROLES}
        texts = {role: machine.get(role, "/metrics").text for role in ROLES}
    pages = {
        "settings": settings_page(),
        "cli": cli_page(),
        "api": api_page(documents),
        "metrics": metrics_page(texts),
    }
    for name, page in pages.items():
        (ROOT / f"{name}.md").write_text(page)
        sys.stdout.write(f"docs/{name}.md\n")


if __name__ == "__main__":
    main()
