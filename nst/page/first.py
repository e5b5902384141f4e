"""What a newcomer sees: a sample photo and its painting, under a slider between the two."""

import html

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from nst.gallery import EXAMPLES, Photo, find_plate
from nst.images import fit, open_image, upright_size
from nst.optimise.cost import run_work
from nst.page.context import Outputs, Page, show_shared
from nst.page.drafter import as_webp
from nst.page.html import duration
from nst.page.machine import Machine
from nst.page.session import Session
from nst.sharing import Shared, from_query

PHOTO, STYLE = "mountains", "swirling_night"
"""Of the sample, which was painted with the style's own settings."""

AFTER = EXAMPLES / "results" / f"{PHOTO}_{STYLE}.jpg"


def sample_routes(machine: Machine) -> list[Route]:
    """Serve both pictures, at addresses that tell nothing of this machine."""
    size = max(open_image(AFTER).size)
    before = as_webp(fit(open_image(_photo(machine).path, "the photo", size), size))

    async def photo(_: Request) -> Response:
        return Response(before, media_type="image/webp")

    async def painting(_: Request) -> FileResponse:
        return FileResponse(AFTER)

    return [Route("/sample/photo", photo), Route("/sample/painting", painting)]


def sample_html(machine: Machine) -> str:
    """The slider, what it shows, and how long that takes here."""
    photo, plate = _photo(machine), find_plate(STYLE, machine.plates)
    settings = _shared(machine).settings
    size = across, down = upright_size(AFTER)
    seconds = machine.engine.pace.seconds(run_work(settings, size))
    of, after, alt = (html.escape(text) for text in (photo.title, plate.title, photo.alt))
    return f"""<figure>
<div class="pair" style="aspect-ratio: {across} / {down}">
<img src="sample/photo" alt="{alt}">
<img src="sample/painting" alt="The same, painted after {after}">
<input type="range" value="50" aria-label="How much of the painting is shown, in percent">
</div>
<figcaption>{of}, painted after {after}: about {duration(seconds)} here.
<strong>Drop your own photo in</strong>, or open this one.</figcaption>
</figure>"""


def open_sample(page: Page, *, session: Session) -> Outputs:
    """The sample's photo, style and settings."""
    shared = _shared(page.machine)
    photo = str(_photo(page.machine).path)
    return {page.photo.image: photo, **show_shared(page, session, shared)}


def _photo(machine: Machine) -> Photo:
    return next(photo for photo in machine.photos if photo.name == PHOTO)


def _shared(machine: Machine) -> Shared:
    return from_query({"style": STYLE, "photo": PHOTO}, machine.plates)[0]
