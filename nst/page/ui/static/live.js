// Sends the camera's pictures, two on their way at a time, and shows each as it comes back painted.
(token) => {
    const camera = window.nstCamera, {video, stream} = camera;
    const scene = document.querySelector("#scene canvas"), told = document.querySelector("#scene p");
    const small = document.createElement("canvas");
    const scale = Math.min(1, "{{size}}" / Math.max(video.videoWidth, video.videoHeight));
    small.width = scene.width = Math.round(video.videoWidth * scale);
    small.height = scene.height = Math.round(video.videoHeight * scale);
    const facing = stream.getVideoTracks()[0].getSettings().facingMode;
    scene.classList.toggle("mirrored", facing !== "environment");
    scene.hidden = false;
    told.textContent = "";
    const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
    const end = (why) => {
        if (window.nstCamera !== camera) return;
        document.querySelector("#live-stop").click();
        told.textContent = why;
    };
    let asked = 0, shown = 0;
    const next = async () => {
        const number = ++asked;
        small.getContext("2d").drawImage(video, 0, 0, small.width, small.height);
        const picture = await new Promise((done) => small.toBlob(done, "image/jpeg", 0.85));
        const address = `${window.gradio_config.root}/live/${token}`;
        const answer = await fetch(address, {method: "POST", body: picture, signal: camera.gone});
        if (answer.status === 200) {
            const painted = await createImageBitmap(await answer.blob());
            if (number < shown) return true; // a later one was quicker
            shown = number;
            told.textContent = "";
            scene.getContext("2d").drawImage(painted, 0, 0, scene.width, scene.height);
            return true;
        }
        const why = await answer.text();
        if (!answer.ok) throw new Error(why);
        told.textContent = why;
        await wait(why ? 1000 : 200);
        return true;
    };
    const run = async () => {
        try {
            while (window.nstCamera === camera && await next())
                if (!scene.offsetParent) return end(""); // another tab is looked at
        } catch (error) {
            end(error instanceof TypeError ? "{{broken}}" : error.message);
        }
    };
    run();
    run();
}
