"""The visitor's photo, the samples, and the offer to reuse a dropped-in painting's settings."""

from typing import Any

import gradio as gr

from nst.images import ImageError
from nst.page.events import DIRECT, QUEUED, Context, Outputs, selected_index
from nst.page.ui.html import gallery_items, settings_offer_html, toast_html
from nst.service.session import Session

NO_PHOTO = "Add a photo first: drop one in, take one, or click a sample"


class PhotoInput:
    """Where the photo comes in."""

    def __init__(self, context: Context) -> None:
        self.app, self.session = context.app_state, context.session
        with gr.Column(render=False, elem_classes="feature") as self.column:
            self.image = gr.Image(
                type="filepath",
                image_mode=None,
                sources=["upload", "webcam", "clipboard"],
                label="Your photo",
                height=280,
                elem_id="photo",
                placeholder="Drop a photo here\nor click to choose one",
            )
            with gr.Row(visible=False, elem_id="offer") as self.offer:
                self.offer_text = gr.HTML()
                self.offer_button = gr.Button("Use its settings", size="sm")
            self.samples = gr.Gallery(
                gallery_items(self.app.photos, self.app.thumbnails),
                label="Or try one of these",
                columns=7,
                height="auto",
                allow_preview=False,
                interactive=False,
                elem_id="samples",
                buttons=[],
            )

    def choose_sample(self, event: gr.SelectData) -> Outputs:
        """The sample that was clicked becomes the photo."""
        index = selected_index(event, self.app.photos)
        return gr.skip() if index is None else {self.image: str(self.app.photos[index].path)}

    def check_photo(self, *, session: Session, photo: Any) -> Outputs:
        """Report a photo that can't be painted; offer the settings of one that was painted here."""
        session.dropped_link = None
        outputs: Outputs = {self.offer: gr.Row(visible=False), self.offer_text: ""}
        try:
            upload = self.app.uploads.photo(photo)
        except ImageError as error:
            gr.Warning(toast_html(error), title="This photo can't be painted")
            return outputs | {self.image: None}
        if upload is None:
            return outputs
        if upload.display != upload.path:
            outputs[self.image] = str(upload.display)
        if upload.provenance is None:
            return outputs
        session.dropped_link = upload.provenance.link
        return outputs | {
            self.offer: gr.Row(visible=True),
            self.offer_text: settings_offer_html(session.dropped_link.styles),
        }

    def wire(self) -> None:
        """Connect the events."""
        self.samples.select(self.choose_sample, outputs=self.image, **DIRECT)
        self.image.upload(
            self.check_photo,
            inputs_kwargs={"session": self.session, "photo": self.image},
            outputs=[self.image, self.offer, self.offer_text],
            **QUEUED,
        )
