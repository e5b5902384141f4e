"""Changes to Gradio's behaviour that no request shows; `tests/attacks` try the others on the app."""

import pytest
from gradio import routes

from nst.page.guard import gradio_patches
from nst.page.guard.gradio_patches import MAX_UPLOAD_NAMES, limit_uploads
from tests.serving import awaited


def test_old_uploads_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_patches.route_utils, "GradioMultiPartParser", None)
    progress = routes.FileUploadProgress()
    monkeypatch.setattr(routes, "file_upload_statuses", progress)
    limit_uploads()

    async def ask() -> None:
        for number in range(2 * MAX_UPLOAD_NAMES):
            progress.append(str(number), "a.png", b"x")
            assert await progress.is_tracked(str(number))

    awaited(ask())
    assert (len(progress._statuses), len(progress._signals)) == (MAX_UPLOAD_NAMES, MAX_UPLOAD_NAMES)
    assert not progress.is_done(str(2 * MAX_UPLOAD_NAMES - 1))
