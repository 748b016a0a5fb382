"""What a staging job does after a step has failed."""

from pathlib import Path

from engine.errors import Gone
from engine.jobs import staging
from engine.jobs.sites import Sites
from engine.jobs.work import Work
from storage import endpoints, jobs
from storage.endpoints import NewEndpoint
from storage.store import open_store


def test_a_template_that_somebody_keeps_removing_is_not_uploaded_without_end(tmp_path: Path) -> None:
    with open_store(tmp_path / "slipway.db") as store:
        place = {"datacenter": "DC0", "resource_pool": "P", "datastore": "D", "vmfolder": "labs"}
        endpoint = endpoints.add(store, NewEndpoint(name="vc01", host="vc01.example.com", username="u", **place), "pw")
        work = Work(store, jobs.create_stage(store, endpoint.id, "esxi-1.0"), Sites(store))
        gone = Gone("cannot go on with", on="esxi-1.0.staging-abcdef-1", why="it was removed")
        assert staging.failed(work, gone)["next"] == "upload"
        assert staging.failed(work, gone) == {"next": "end", "state": jobs.State.FAILED}
        job = jobs.get(store, work.job.id)
        assert (job.error, job.falls_back) == (str(gone), True)
