// Uploads the camera's picture as it is now, in full size, and puts the camera out.
async (...sent) => {
    const camera = window.nstCamera;
    sent[0] = null;
    if (!camera) return sent;
    const whole = document.createElement("canvas");
    [whole.width, whole.height] = [camera.video.videoWidth, camera.video.videoHeight];
    whole.getContext("2d").drawImage(camera.video, 0, 0);
    camera.off();
    const picture = await new Promise((done) => whole.toBlob(done, "image/jpeg", 0.92));
    const form = new FormData();
    form.append("files", picture, "snapshot.jpg");
    const {root, api_prefix} = window.gradio_config;
    const answer = await fetch(`${root}${api_prefix}/upload`, {method: "POST", body: form});
    if (answer.ok)
        sent[0] = {path: (await answer.json())[0], meta: {_type: "gradio.FileData"}};
    return sent;
}
