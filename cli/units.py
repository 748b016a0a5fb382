"""Numbers as people read them: sizes in KiB, MiB, GiB, durations in seconds or minutes."""

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """`1.5 GiB`; below one KiB in bytes."""
    if count < 1024:
        return f"{count:.0f} B"
    power = next(power for power in (1, 2, 3, 4) if count < 1024 ** (power + 1) or power == 4)
    shown = count / 1024**power
    return f"{shown:.1f} {UNITS[power]}" if shown < 100 else f"{shown:.0f} {UNITS[power]}"


def duration(seconds: float) -> str:
    """`0.4 s`, `1:05`, `2:00:10`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
