"""The builds that a pull request must pass, all at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build_project import Task

if TYPE_CHECKING:
    from functools import partial

    from aws_cdk import aws_s3

    from build_project import BuildProject
    from commit_pipeline import CommitPipeline
    from settings import Settings


def add_validation(
    pipeline: CommitPipeline,
    project: partial[BuildProject],
    cache: aws_s3.IBucket,
    settings: Settings,
) -> None:
    """Add the session `pr`, and beside it the tests on every Python that `pr` leaves out."""
    if settings.shards > 1:
        _add_in_shards(pipeline, project, cache, settings)
        return
    task = Task(session="pr", reports=("tests", "coverage"), cache=cache)
    builds = [pipeline.build("Validate", project("pr-validation", task))]
    if settings.other_pythons:
        tests = project("pr-tests", Task(session="tests_all", reports=("tests",), cache=cache))
        builds += [
            pipeline.build(f"Python-{python}", tests, {"NOXSESSION": f"tests_all-{python}"})
            for python in settings.other_pythons
        ]
    pipeline.add_builds("Validate", *builds)


def _add_in_shards(
    pipeline: CommitPipeline,
    project: partial[BuildProject],
    cache: aws_s3.IBucket,
    settings: Settings,
) -> None:
    """Add what `pr` does in builds of its parts, each of the tests' on a share of them.

    Coverage is judged afterwards, on what all of them have measured.
    """
    shards = [f"shard{number}" for number in range(1, settings.shards + 1)]
    checks = project("pr-validation", Task(session="checks", cache=cache))
    tests_task = Task(
        session="tests",
        reports=("tests",),
        artifact="coverage-data",
        leaves=tuple(shards),
        cache=cache,
    )
    tests = project("pr-tests", tests_task)
    coverage_task = Task(
        session="coverage",
        takes=("source", *shards),
        reports=("coverage",),
        variables={"SHARDS": str(len(shards))},
    )
    builds = [pipeline.build("Validate", checks)]
    for number, shard in enumerate(shards, start=1):
        part = {"SHARD": f"{number}/{len(shards)}"}
        builds.append(pipeline.build(f"Tests-{number}", tests, part, leaves=(shard,)))
        builds += [
            pipeline.build(
                f"Python-{python}-{number}",
                tests,
                part | {"NOXSESSION": f"tests_all-{python}"},
                leaves=(),
            )
            for python in settings.other_pythons
        ]
    pipeline.add_builds("Validate", *builds)
    pipeline.add_builds(
        "Coverage", pipeline.build("Coverage", project("pr-coverage", coverage_task))
    )
