"""Process life: states, signals, logs, loops, triggers."""

from scrapr.runtime import cancellation

cancellation.mend()
