"""How long a run would take with the present settings, and the address that brings them back."""

from typing import Any

import gradio as gr

from nst.errors import InputError
from nst.images import ImageError
from nst.job import network_name
from nst.messages import duration
from nst.optimise.cost import run_work
from nst.page.events import DIRECT, Context, Outputs, run_script
from nst.page.painting import PaintControls
from nst.page.settings import share_link, status_key
from nst.page.ui import static
from nst.page.ui.html import status_html, visitor_sentence
from nst.service.runs import too_long
from nst.service.session import Session
from nst.settings import Settings
from nst.sharing import ShareLink, to_query


class Estimate:
    """Follows every change of photo, styles and settings.

    `address` is the query of the link to the present settings, `number` counts the browser's
    requests for an estimate.
    """

    def __init__(self, context: Context, painting: PaintControls) -> None:
        self.app, self.session = context.app_state, context.session
        self.painting = painting
        self.photo, self.style = painting.photo, painting.style
        self.settings, self.result = painting.settings, painting.result
        self.address, self.number = gr.Textbox(visible=False), gr.Number(visible=False)

    def estimate(
        self, *, number: Any, session: Session, photo: Any, chosen: list[str], recipe: str, **values: Any
    ) -> Outputs:
        """Seconds that a run takes here, the address, and which controls are of use.

        A browser requests several at once, and answers may overtake each other: a request with a
        lower `number` than the latest is not answered.
        """
        number = number if isinstance(number, int | float) else 0
        if number < session.estimate_number:
            return gr.skip()
        session.estimate_number = number
        outputs: Outputs = {
            self.settings.controls["style_weights"]: gr.Textbox(visible=len(chosen) > 1),
            self.result.again: gr.Button(visible=values["init"] == "noise"),
        }
        if not session.loaded:  # the link's settings are not in the controls yet
            return outputs
        try:
            upload = self.app.uploads.photo(photo)
        except ImageError:  # `PhotoInput.check_photo` reports it and removes the photo
            return outputs
        try:
            link = share_link(upload, chosen, recipe, values)
        except InputError as error:
            session.status_key = 0
            return outputs | {self.painting.status: status_html(visitor_sentence(error))}
        missing = "" if chosen or not link.settings.style_layers else "Now pick a style"
        if upload is None:
            missing = "Start with a photo, or try a sample"
        size = upload.size if upload else (4, 3)
        estimate = self._estimate(link.settings, size, len(chosen), missing)
        key = status_key(upload, link)
        if session.run or key == session.status_key:  # the status is about the run, or what became of it
            del estimate[self.painting.status]
        session.status_key = key
        return outputs | {**estimate, self.address: "" if link == ShareLink() else to_query(link), self.number: number}

    def _estimate(self, settings: Settings, size: tuple[int, int], styles: int, missing: str) -> Outputs:
        """The time for a photo of this width and height, or what is still missing."""
        engine, limit = self.app.engine, self.app.config.max_seconds
        seconds = engine.pace.seconds(run_work(settings, size, styles=styles))
        message, label = f"Ready when you are: this takes about {duration(seconds)}", "Paint"
        if seconds > limit:
            message = too_long(seconds, limit, settings)
        elif missing:
            message = missing
        else:
            label = f"Paint, about {duration(seconds)}"
        network = network_name(settings, engine.backbone)
        return {self.painting.status: status_html(message, detail=network), self.painting.paint: gr.Button(label)}

    def wire(self, *settled: Any) -> None:
        """Connect the events; after each of `settled`, every control may have changed."""
        settings, style = self.settings, self.style
        update: dict[str, Any] = {
            "fn": self.estimate,
            "js": static.read("number_requests.js"),
            "inputs_kwargs": {
                "number": self.number,
                "session": self.session,
                "photo": self.photo.image,
                "chosen": style.chosen,
                "recipe": settings.recipe,
                **settings.controls,
            },
            "outputs": [
                self.painting.status,
                self.painting.paint,
                self.address,
                self.number,
                settings.controls["style_weights"],
                self.result.again,
            ],
            **DIRECT,
        }
        controls: list[Any] = [self.photo.image, style.chosen, settings.recipe, *settings.controls.values()]
        changed = gr.on([c.change for c in controls], trigger_mode="always_last", **update)
        # A hidden control does not always report its change.
        for event in (changed, *(event.then(**update) for event in settled)):
            run_script(event.then, static.read("update_address.js"), [self.address, self.number])
