"""What a staging job does after a step has failed, or its worker has died in the last one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import Gone, VSphereFault
from engine.jobs import staging
from engine.jobs.sites import Sites
from engine.jobs.work import Work
from engine.staging import claims
from storage import endpoints, jobs
from storage.endpoints import NewEndpoint
from storage.store import open_store
from tests.e2e.lab import ROOT


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    with open_store(tmp_path / "slipway.db") as store:
        place = {"datacenter": "DC0", "resource_pool": "P", "datastore": "D", "vmfolder": "labs"}
        endpoint = endpoints.add(store, NewEndpoint(name="vc01", host="vc01.example.com", username="u", **place), "pw")
        yield Work(store, jobs.create_stage(store, endpoint.id, "esxi-1.0"), Sites(store))


def test_a_template_that_somebody_keeps_removing_is_not_uploaded_without_end(work: Work) -> None:
    gone = Gone("cannot go on with", on="esxi-1.0.staging-abcdef-1", why="it was removed")
    now = {"next": "mark", "vm": "vm-1"}
    assert staging.failed(work, now, gone)["next"] == "upload"
    assert staging.failed(work, now, gone) == {"next": "discard", "vm": "vm-1", "state": jobs.State.FAILED}
    job = jobs.get(work.store, work.job.id)
    assert (job.error, job.falls_back) == (str(gone), True)


def test_what_is_renamed_is_staged_whatever_fails_after(work: Work) -> None:
    late = VSphereFault("cannot remove", on="esxi-1.0.retired-abcdef-1", fault="GenericVmConfigFault")
    assert staging.failed(work, {"next": "tidy"}, late) == {"next": "end", "state": jobs.State.SUCCEEDED}
    assert staging.cancelled(work, {"next": "tidy"}, late) == {"next": "end", "state": jobs.State.SUCCEEDED}


def test_the_claim_of_a_worker_that_died_in_the_last_step_is_released(work: Work) -> None:
    imports = "import sys; from engine.staging.claims import take; from storage.store import open_store"
    take = f"{imports}; take(open_store(sys.argv[1]), int(sys.argv[2]), 'esxi-1.0', 'stage')"
    arguments = [work.store.location, str(work.job.endpoint_id)]
    subprocess.run([sys.executable, "-c", take, *arguments], cwd=ROOT, check=True)
    [left] = claims.standing(work.store)
    assert left.stale
    staging.end(work, {"next": "end", "state": "succeeded"})
    assert claims.standing(work.store) == []
    assert jobs.get(work.store, work.job.id).state is jobs.State.SUCCEEDED
