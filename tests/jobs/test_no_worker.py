"""No worker can work: who waits for one is told."""

from tests.e2e.lab import entries
from tests.jobs.conftest import StoreLab


def test_a_client_does_not_wait_for_workers_that_end_at_once(lab: StoreLab) -> None:
    """The durable runner's file is damaged; what was asked for is carried out once it is out of the way."""
    uid, _ = lab.add_sample("esxi")
    damaged = lab.folder / "slipway.db.jobs"
    damaged.write_bytes(b"no database" * 1000)
    told = lab.slipway("deploy", str(lab.profile("lab01", entries(uid, "a"))), "--json")
    assert (told.code, told.error["code"]) == (5, "refused")
    assert told.error["why"] == "it ended 3 times with exit code 5"
    why = lab.slipway("worker")
    assert (why.code, str(damaged) in why.err, "file is not a database" in why.err) == (5, True, True)
    damaged.unlink()
    assert lab.ok("deployment", "watch", "1")["state"] == "succeeded"
