"""How long a process may take to stop or stand still, and what it logs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DrainSettings(BaseModel):
    """The deadlines of the drain sequence, in seconds; the fleet's stop period must exceed their sum."""

    model_config = ConfigDict(frozen=True)

    notice: float = Field(0.0, ge=0, description="time from not ready to the stop, for balancers")
    grace: float = Field(4.0, ge=0, description="time for the work at hand to finish")
    cancel: float = Field(1.0, ge=0, description="time for cancelled work to clean up")
    close: float = Field(2.0, ge=0, description="time to close servers and connections")

    @property
    def total(self) -> float:
        """Seconds after which a stopping process is gone."""
        return self.notice + self.grace + self.cancel + self.close


class WatchdogSettings(BaseModel):
    """What becomes of a role that hangs."""

    model_config = ConfigDict(frozen=True)

    limit: float = Field(
        60.0,
        ge=0,
        description="seconds without a turn of the event loop after which a role ends itself; 0: none",
    )


class LogSettings(BaseModel):
    """What is logged and how."""

    model_config = ConfigDict(frozen=True)

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that is logged"
    )
    format: Literal["auto", "pretty", "json"] = Field(
        "auto", description="auto: pretty on a terminal, else json"
    )
