"""``GET /v1/jobs/{id}/events``: how a job goes on, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import Response, StreamingResponse

from impasto.events import Losses
from impasto.studio import problems
from impasto.studio.context import Studio
from impasto.studio.jobs import ENDED, Job
from impasto.studio.problems import RETRY_SOON, too_many
from impasto.studio.routes.schemas import JOB, Client, TheJob, TheStudio, job_of

router = APIRouter(prefix="/v1", tags=["Jobs"])

MOST = 100
"""Streams that may be open at once; beyond that, a client may have one."""

ALIVE = 15.0
"""Seconds of silence after which a comment is sent, so that nobody on the way hangs up."""

_LOOK = 0.4
_AGAIN = 2000  # milliseconds until a browser connects again
_STREAM = "text/event-stream"
_LAST = (
    "The id of the last event that was seen: what comes after it is sent. Browsers send it by "
    "themselves."
)

_EXAMPLE = f"""retry: {_AGAIN}

id: 0
event: state
data: {{"id": "{JOB}", "state": "running", ...}}

id: 1
event: step
data: {{"step": 1, "steps": 150, "loss": 0.91, "content": 0.02, "style": 0.89, "tv": 0.0, ...}}

id: 1
event: preview
data: {{"preview": "/v1/jobs/{JOB}/preview"}}

id: 150-end
event: end
data: {{"id": "{JOB}", "state": "done", ...}}
"""


@router.get(
    "/jobs/{id}/events",
    response_class=Response,
    responses={
        200: {
            "description": "`state` when the state changes, `step` for each step with its losses, "
            "or for some frames of a film, and the time left, `preview` when there is a new one, "
            "`style` when more of a style has been learnt, `end` at the end; state and end carry "
            "the job. Ids are numbers of steps.",
            "content": {_STREAM: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        204: {"description": "The last event seen was the end, and so it is: do not come again."},
        **problems.responses(*problems.USUAL, "not-found", "too-many-streams"),
    },
)
async def follow_job(
    job: TheJob,
    studio: TheStudio,
    client: Client,
    last: Annotated[str, Header(alias="Last-Event-ID", description=_LAST)] = "",
) -> Response:
    """Send what happens to a job from now on, or from where `Last-Event-ID` says, to its end."""
    step, saw_end = _seen(last)
    if saw_end and job.state in ENDED:
        return Response(status_code=204)
    if studio.streams.total() >= MOST and studio.streams[client]:
        raise too_many("too-many-streams", f"{MOST} streams are open already", RETRY_SOON)
    headers = {"X-Accel-Buffering": "no"}  # or a proxy would keep the events back
    return StreamingResponse(
        Follower(studio, client, job, step).events(), headers=headers, media_type=_STREAM
    )


class Follower:
    """Looks at a job now and then, and says what is new."""

    def __init__(self, studio: Studio, client: str, job: Job, step: int) -> None:
        self._client = client
        self._studio, self._id, self._owner = studio, job.id, job.owner
        self._step = step
        self._seen: Job | None = None

    async def events(self) -> AsyncIterator[str]:
        """Yield events as text, until the job ends or the server does."""
        studio = self._studio
        studio.streams[self._client] += 1
        try:
            yield f"retry: {_AGAIN}\n\n"
            said = time.monotonic()
            while not studio.closing.is_set():
                events, ended = await asyncio.to_thread(self._look)
                if events:
                    yield "".join(events)
                    said = time.monotonic()
                elif time.monotonic() - said > ALIVE:
                    yield ": still here\n\n"
                    said = time.monotonic()
                if ended:
                    return
                with suppress(TimeoutError):  # no pause when the server is to end
                    await asyncio.wait_for(studio.closing.wait(), _LOOK)
        finally:
            studio.streams -= Counter([self._client])

    def _look(self) -> tuple[list[str], bool]:
        """Return what is new, and whether there is nothing more to come."""
        try:
            job = self._studio.store.job(self._id, self._owner)
        except KeyError:  # it was removed
            return [self._event("end", {"id": self._id, "state": "removed"}, "-end")], True
        rows = self._studio.store.losses(self._id, self._step)
        return list(self._news(job, rows)), job.state in ENDED

    def _news(self, job: Job, rows: list[Losses]) -> Iterator[str]:
        seen, self._seen = self._seen, job
        ended = job.state in ENDED
        if not ended and not (seen and (seen.state, seen.wish) == (job.state, job.wish)):
            yield self._event("state", self._whole(job))
        for row in rows:
            self._step = row.step
            yield self._event("step", {**row._asdict(), **_of_all(job)})
        if job.kind == "video" and job.step > self._step:
            self._step = job.step
            yield self._event("step", {"step": job.step, "seconds": job.seconds, **_of_all(job)})
        if job.preview and job.preview != (seen and seen.preview):
            yield self._event("preview", {"preview": f"/v1/jobs/{job.id}/preview"})
        if job.learnt and job.learnt != (seen and seen.learnt):
            yield self._event("style", {"style": job.style})
        if ended:
            yield self._event("end", self._whole(job), "-end")

    def _event(self, name: str, data: Any, suffix: str = "") -> str:
        text = data if isinstance(data, str) else json.dumps(data)
        return f"id: {self._step}{suffix}\nevent: {name}\ndata: {text}\n\n"

    def _whole(self, job: Job) -> str:
        return job_of(self._studio, job).model_dump_json()


def _of_all(job: Job) -> dict[str, Any]:
    return {"steps": job.steps, "remaining": job.remaining}


def _seen(last: str) -> tuple[int, bool]:
    """Return the step of the last event that was seen, and whether it was the end."""
    said = re.fullmatch(r"([0-9]{1,9})(-end)?", last)
    return (int(said[1]), bool(said[2])) if said else (0, False)
