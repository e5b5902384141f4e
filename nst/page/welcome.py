"""What a newcomer sees: a sample photo and its painting, under a slider between the two."""

import html

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from nst.gallery import EXAMPLES, Photo, find_style
from nst.images import fit, open_image, upright_size
from nst.optimise.cost import run_work
from nst.page.context import Outputs, Page, show_shared
from nst.page.ui.html import duration
from nst.service.app_state import AppState
from nst.service.previews import as_webp
from nst.service.session import Session
from nst.sharing import ShareLink, from_query

PHOTO, STYLE = "mountains", "swirling_night"
"""Of the sample, which was painted with the style's own settings."""

AFTER = EXAMPLES / "results" / f"{PHOTO}_{STYLE}.jpg"


def sample_routes(app_state: AppState) -> list[Route]:
    """Serve both pictures, at addresses that tell nothing of this machine."""
    size = max(open_image(AFTER).size)
    before = as_webp(fit(open_image(_photo(app_state).path, "the photo", size), size))

    async def photo(_: Request) -> Response:
        return Response(before, media_type="image/webp")

    async def painting(_: Request) -> FileResponse:
        return FileResponse(AFTER)

    return [Route("/sample/photo", photo), Route("/sample/painting", painting)]


def sample_html(app_state: AppState) -> str:
    """The slider, what it shows, and how long that takes here."""
    photo, plate = _photo(app_state), find_style(STYLE, app_state.styles)
    settings = _shared(app_state).settings
    size = across, down = upright_size(AFTER)
    seconds = app_state.engine.pace.seconds(run_work(settings, size))
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
    shared = _shared(page.app_state)
    photo = str(_photo(page.app_state).path)
    return {page.photo.image: photo, **show_shared(page, session, shared)}


def _photo(app_state: AppState) -> Photo:
    return next(photo for photo in app_state.photos if photo.name == PHOTO)


def _shared(app_state: AppState) -> ShareLink:
    return from_query({"style": STYLE, "photo": PHOTO}, app_state.styles)[0]
