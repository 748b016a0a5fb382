"""What runs, in a few words: what a console that is too small still says."""

from engine.console.doing import doing
from storage import deployments, endpoints, jobs, steps
from storage.endpoints import NewEndpoint
from storage.steps import NewStep
from storage.store import Store


def test_each_running_job_says_how_far_it_is(store: Store) -> None:
    new = NewEndpoint(
        name="vc01", host="192.0.2.1", username="u", datacenter="dc", resource_pool="p", datastore="d", vmfolder="f"
    )
    endpoint = endpoints.add(store, new, "hunter2").id
    assert doing(store, jobs.active(store)) == ()
    staging = jobs.create_stage(store, endpoint, "esxi-8.0u3g")
    assert doing(store, jobs.active(store)) == (), "it waits"
    jobs.begin(store, staging.id)
    assert doing(store, jobs.active(store)) == ("esxi-8.0u3g",)
    steps.write(store, staging.id, [NewStep("esxi-8.0u3g", "uploading")])
    steps.write(store, staging.id, [], {"esxi-8.0u3g": (58, 100)})
    vms = [("a.lab", "esxi-8.0u3g"), ("b.lab", "esxi-8.0u3g")]
    made = deployments.create(store, "lab-blue", endpoint, "{}", vms)
    with store.begin() as tx:
        job = jobs.queue_deploy(store, tx, endpoint, made.id)
    jobs.begin(store, job)
    assert set(doing(store, jobs.active(store))) == {"esxi-8.0u3g 58%", "lab-blue 0/2 VMs"}
