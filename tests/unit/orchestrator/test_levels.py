"""What is planned for services, carried out, leaves nothing to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scrapr.fleet.service import Service, ServiceSpec
from scrapr.roles.orchestrator.levels import Change, Create, Refuse, Remove, Scale, Update, plan

NAMES = ("scrapr_scraper-default", "scrapr_scraper-eu", "scrapr_endpoint-default")
IMAGES = ("scrapr:1", "scrapr:2")


def spec_of(name: str, image: str = "scrapr:1", replicas: int = 1) -> ServiceSpec:
    return ServiceSpec(name, name.removeprefix("scrapr_"), "scraper", image, replicas)


def service_of(spec: ServiceSpec) -> Service:
    return Service("id", spec.name, spec.pool, spec.replicas, spec.digest, spec.image)


specs = st.lists(
    st.builds(spec_of, st.sampled_from(NAMES), st.sampled_from(IMAGES), st.integers(0, 3)),
    unique_by=lambda spec: spec.name,
)
services = st.lists(
    st.builds(
        replace,
        specs.filter(bool).map(lambda found: service_of(found[0])),
        replicas=st.integers(0, 3),
        image=st.sampled_from(IMAGES),
        progress=st.sampled_from(["", "updating", "paused", "rolled back"]),
    ),
    unique_by=lambda service: service.name,
)


def carry_out(changes: Iterable[Change], found: Iterable[Service]) -> list[Service]:
    """What a cluster would have afterwards."""
    after = {each.name: each for each in found}
    for change in changes:
        match change:
            case Create(spec=spec):
                after[spec.name] = service_of(spec)
            case Update(service=service, spec=spec):
                after[service.name] = replace(service_of(spec), refused=service.refused)
            case Scale(service=service, replicas=replicas):
                after[service.name] = replace(service, replicas=replicas)
            case Refuse(service=service, digest=digest):
                after[service.name] = replace(service, refused=digest)
            case Remove(service=service):
                del after[service.name]
    return list(after.values())


@given(specs, services)
def test_a_plan_carried_out_leaves_nothing_to_do_but_to_scale_what_was_refused(
    wanted: list[ServiceSpec], found: list[Service]
) -> None:
    first = carry_out(plan(wanted, found, tried={}), found)
    then = plan(wanted, first, tried={})
    assert all(isinstance(change, Scale) for change in then)
    assert plan(wanted, carry_out(then, first), tried={}) == ()


def test_what_was_rolled_back_is_tried_no_more_until_the_pool_asks_for_something_else() -> None:
    bad, good = spec_of(NAMES[0], "scrapr:broken", 2), spec_of(NAMES[0], "scrapr:1")
    back = replace(service_of(good), progress="rolled back", message="update rolled back")
    [refusal] = plan([bad], [back], tried={bad.name: bad.digest})
    assert refusal == Refuse(back, bad.digest, "update rolled back")
    noted = replace(back, refused=bad.digest)
    assert plan([bad], [noted], tried={}) == (Scale(noted, 2, "2 replicas are wanted, not 1"),)
    mended = spec_of(NAMES[0], "scrapr:3")
    [update] = plan([mended], [noted], tried={})
    assert isinstance(update, Update)


def test_nothing_is_changed_on_the_way_back() -> None:
    wanted, found = (
        spec_of(NAMES[0], replicas=3),
        replace(service_of(spec_of(NAMES[0])), progress="rolling back"),
    )
    assert plan([wanted], [found], tried={}) == ()


def test_an_image_that_somebody_changed_by_hand_is_put_right() -> None:
    wanted = spec_of(NAMES[0])
    [update] = plan([wanted], [replace(service_of(wanted), image="other")], tried={})
    assert isinstance(update, Update)
    assert update.reason == "somebody has changed its image"
