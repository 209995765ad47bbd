"""What other processes are called and whether they live; each may end between two looks."""

from __future__ import annotations

import psutil


def name_of(process: psutil.Process) -> str:
    """The process's name; empty once it is gone."""
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def words_of(process: psutil.Process) -> list[str]:
    """The process's command line; empty once it is gone."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def is_alive(process: psutil.Process) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
