"""The first screen: a sample photo and its painting under a slider, and what the link asks for."""

from typing import Any

import gradio as gr

from nst.gallery import EXAMPLES, find_style
from nst.images import fit, open_image, upright_size
from nst.messages import duration
from nst.optimise.cost import run_work
from nst.page.events import QUEUED, Context, Outputs
from nst.page.style import StylePicker
from nst.page.ui.html import gallery_items
from nst.service.previews import as_webp
from nst.service.session import Session
from nst.sharing import ShareLink, from_query

PHOTO, STYLE = "mountains", "swirling_night"  # the sample, which was painted with the style's own settings

PAINTING = EXAMPLES / "results" / f"{PHOTO}_{STYLE}.jpg"


class Welcome:
    """The sample on the canvas before there is a painting, and the page's first event."""

    def __init__(self, context: Context, style: StylePicker) -> None:
        self.app, self.session, self.style = context.app_state, context.session, style
        self.photo = next(photo for photo in self.app.photos if photo.name == PHOTO)
        with gr.Column(elem_id="welcome", render=False) as self.column:
            gr.ImageSlider(
                self._pictures(), label="Photo and painting", show_label=False, interactive=False, buttons=[]
            )
            self.caption = gr.HTML(self._caption())
            self.open = gr.Button("Open this one", size="sm", elem_id="open-sample")

    def _pictures(self) -> tuple[str, str]:
        """The sample photo at the painting's size and the painting, where Gradio serves files."""
        size = max(upright_size(PAINTING))
        photo = self.app.site / "photo.webp"
        photo.write_bytes(as_webp(fit(open_image(self.photo.path, "the photo", size), size)))
        painting = self.app.site / "painting.webp"
        painting.write_bytes(as_webp(open_image(PAINTING, "the painting", size)))
        return str(photo), str(painting)

    def _link(self) -> ShareLink:
        return from_query({"style": STYLE, "photo": PHOTO}, self.app.styles)[0]

    def _caption(self) -> str:
        """The slider's photo and style, and the time that such a painting takes here."""
        work = run_work(self._link().settings, upright_size(PAINTING))
        seconds = duration(self.app.engine.pace.seconds(work))
        title = find_style(STYLE, self.app.styles).title
        return (
            f"<p>{self.photo.title}, painted after {title}: about {seconds} here.\n"
            "<strong>Drop your own photo in</strong>, or open this one.</p>"
        )

    def load_page(self, request: gr.Request) -> Outputs:
        """A new page: the styles there are by now, and what its link asks for."""
        session = Session(loaded=True, session_hash=str(request.session_hash))
        link, complaints = from_query(dict(request.query_params), self.app.styles)
        photo = next((p.path for p in self.app.photos if p.name == link.photo), None)
        if link.photo and not photo:
            complaints.append(f"photo {link.photo!r} is not here")
        return {
            self.session: session,
            self.style.gallery: gr.Gallery(gallery_items(self.app.styles, self.app.thumbnails)),
            self.style.sources: self.style.sources_of(session),
            self.caption: self._caption(),
            **({self.style.photo.image: str(photo)} if photo else {}),
            **self.style.show_link(session, link, complaints),
        }

    def open_sample(self, *, session: Session) -> Outputs:
        """The sample's photo, style and settings."""
        link = self.style.show_link(session, self._link())
        return {self.style.photo.image: str(self.photo.path), **link}

    def wire(self, blocks: gr.Blocks) -> tuple[Any, Any]:
        """Connect the events; returns those after which all settings may have changed."""
        outputs = [self.style.photo.image, *self.style.link_outputs]
        loaded = blocks.load(
            self.load_page,
            outputs=[self.session, self.style.gallery, self.style.sources, self.caption, *outputs],
            **QUEUED | {"concurrency_limit": None, "concurrency_id": "loading"},
        )
        opened = self.open.click(self.open_sample, inputs_kwargs={"session": self.session}, outputs=outputs, **QUEUED)
        return loaded, opened
