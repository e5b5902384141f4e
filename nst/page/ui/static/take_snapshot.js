// Uploads the camera's present picture at its full size, and closes the camera.
async (...values) => {
    const live = await window.nst.live;
    values[0] = null;
    try {
        const form = new FormData();
        form.append("files", await live.snapshot(), "snapshot.jpg");
        const {root, api_prefix} = window.gradio_config;
        const answer = await fetch(`${root}${api_prefix}/upload`, {method: "POST", body: form});
        if (answer.ok) values[0] = {path: (await answer.json())[0], meta: {_type: "gradio.FileData"}};
        if (answer.ok) live.stop();
    } catch { /* the server says that it has no picture */ }
    return values;
}
