// Uploads the camera's present picture at full size, and closes the camera.
async (...values) => {
    const camera = window.nst?.camera;
    values[0] = null;
    if (!camera) return values;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [camera.video.videoWidth, camera.video.videoHeight];
    canvas.getContext("2d").drawImage(camera.video, 0, 0);
    camera.close();
    const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    const form = new FormData();
    form.append("files", picture, "snapshot.jpg");
    const {root, api_prefix} = window.gradio_config;
    const answer = await fetch(`${root}${api_prefix}/upload`, {method: "POST", body: form});
    if (answer.ok)
        values[0] = {path: (await answer.json())[0], meta: {_type: "gradio.FileData"}};
    return values;
}
