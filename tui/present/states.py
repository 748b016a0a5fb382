"""The one table of states: how every state of endpoint, template, item, deployment, job and claim is shown.

A state is never told by colour alone: glyph, word and colour say the same. The glyphs are ASCII, so that they look
alike on every terminal; docs/keys.md prints this table.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is shown: one ASCII character, one or two words, and a tone of the theme."""

    glyph: str
    word: str
    tone: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


READY, RUNNING, STALE, FAILED, LOCKED, OFF, UNKNOWN = "o", ">", "~", "!", "#", "-", "?"

SIGNS: dict[str, dict[str, Sign]] = {
    "endpoint": {
        "connecting": Sign(RUNNING, "connecting", "busy"),
        "ready": Sign(READY, "ready", "ok"),
        "stale": Sign(STALE, "stale", "warn"),
        "unreachable": Sign(FAILED, "unreachable", "bad"),
        "login refused": Sign(FAILED, "auth fail", "bad"),
        "certificate refused": Sign(FAILED, "certificate", "bad"),
        "missing": Sign(FAILED, "missing", "bad"),
        "failed": Sign(FAILED, "failed", "bad"),
    },
    "finding": {
        "ok": Sign(READY, "ok", "ok"),
        "note": Sign(OFF, "note", "dim"),
        "warning": Sign(STALE, "warning", "warn"),
        "error": Sign(FAILED, "error", "bad"),
        "missing": Sign(FAILED, "missing", "bad"),
    },
    "template": {
        "absent": Sign(OFF, "absent", "dim"),
        "queued": Sign(RUNNING, "queued", "busy"),
        "staging": Sign(RUNNING, "staging", "busy"),
        "cancelling": Sign(RUNNING, "cancelling", "warn"),
        "claimed": Sign(LOCKED, "claimed", "warn"),
        "staged": Sign(READY, "staged", "ok"),
        "unverified": Sign(READY, "unverified", "ok"),
        "outdated": Sign(STALE, "outdated", "warn"),
        "foreign": Sign(UNKNOWN, "foreign", "warn"),
        "tampered": Sign(FAILED, "tampered", "bad"),
        "unreachable": Sign(FAILED, "unreachable", "bad"),
        "failed": Sign(FAILED, "failed", "bad"),
    },
    "deployment": {
        "pending": Sign(RUNNING, "queued", "busy"),
        "running": Sign(RUNNING, "running", "busy"),
        "cancelling": Sign(RUNNING, "cancelling", "warn"),
        "removing": Sign(RUNNING, "removing", "warn"),
        "succeeded": Sign(READY, "done", "ok"),
        "failed": Sign(FAILED, "failed", "bad"),
        "cancelled": Sign(OFF, "cancelled", "dim"),
        "removed": Sign(OFF, "removed", "dim"),
    },
    "item": {
        "pending": Sign(OFF, "waiting", "dim"),
        "running": Sign(RUNNING, "running", "busy"),
        "succeeded": Sign(READY, "done", "ok"),
        "failed": Sign(FAILED, "failed", "bad"),
        "cancelled": Sign(OFF, "cancelled", "dim"),
        "removed": Sign(OFF, "removed", "dim"),
    },
    "claim": {
        "live": Sign(LOCKED, "live", "ok"),
        "stale: process gone": Sign(STALE, "stale: process gone", "warn"),
        "stale: host rebooted": Sign(STALE, "stale: host rebooted", "warn"),
        "stale: no heartbeat": Sign(STALE, "stale: no heartbeat", "warn"),
        "foreign": Sign(UNKNOWN, "foreign", "warn"),
    },
    "component": {
        "enabled": Sign(READY, "enabled", "ok"),
        "licence waits": Sign(STALE, "licence", "warn"),
        "disabled": Sign(OFF, "disabled", "dim"),
        "no OVA": Sign(OFF, "no OVA", "dim"),
        "OVA broken": Sign(FAILED, "OVA broken", "bad"),
        "OVA gone": Sign(FAILED, "OVA gone", "bad"),
        "unsupported": Sign(OFF, "unsupported", "dim"),
    },
    "setting": {
        "on": Sign(READY, "on", "ok"),
        "off": Sign(OFF, "off", "dim"),
    },
    "level": {
        "debug": Sign(OFF, "debug", "dim"),
        "info": Sign(READY, "info", "dim"),
        "warning": Sign(STALE, "warn", "warn"),
        "error": Sign(FAILED, "error", "bad"),
        "critical": Sign(FAILED, "fatal", "bad"),
    },
    "worker": {
        "running": Sign(READY, "worker", "ok"),
        "none": Sign(OFF, "no worker", "dim"),
        "hung": Sign(FAILED, "worker hung", "bad"),
    },
}


def sign(kind: str, state: str) -> Sign:
    """How that state of an endpoint, template, ... is shown; one that the table does not know is shown as it is."""
    return SIGNS[kind].get(state) or Sign(UNKNOWN, state, "warn")
