"""All commands, in the order in which the help shows them."""

from __future__ import annotations

import typer

from scrapr.cli import (
    backups,
    cluster,
    data,
    engine,
    inference,
    inspection,
    machine,
    pools,
    trial,
    webhooks,
    work,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turn any website into a live, versioned, authenticated JSON API.",
)

app.command("up", rich_help_panel="One machine")(machine.up)
app.command("demo", rich_help_panel="One machine")(machine.demo)
app.command("add", rich_help_panel="Work")(work.add)
app.command("ls", rich_help_panel="Work")(work.ls)
app.command("items", rich_help_panel="Work")(work.items)
app.command("watch", rich_help_panel="Work")(work.watch)
app.command("rm", rich_help_panel="Work")(work.rm)
app.command("quarantine", rich_help_panel="Data")(data.quarantine)
app.command("rebuild", rich_help_panel="Data")(data.rebuild)
app.command("drop", rich_help_panel="Data")(data.drop)
app.command("backup", rich_help_panel="Data")(backups.backup)
app.command("restore", rich_help_panel="Data")(backups.restore)
app.command("try", rich_help_panel="Work")(trial.try_)
app.command("infer", rich_help_panel="Work")(inference.infer)
app.add_typer(webhooks.webhooks, name="webhooks", rich_help_panel="Work")
app.add_typer(pools.app, name="pools", rich_help_panel="Operation")
app.command("status", rich_help_panel="Operation")(inspection.status)
app.command("health", rich_help_panel="Operation")(inspection.health)
app.command("roles", rich_help_panel="Operation")(inspection.roles)
app.command("settings", rich_help_panel="Operation")(inspection.settings)
app.command("initiate", rich_help_panel="Operation")(cluster.initiate)
app.command("doctor", rich_help_panel="Operation")(cluster.doctor)
app.command("run", rich_help_panel="Operation")(machine.run)
app.command("engine-proxy", rich_help_panel="Operation")(engine.engine_proxy)
app.command("zygote", hidden=True)(machine.zygote)
app.command("version", rich_help_panel="Operation")(inspection.version)
