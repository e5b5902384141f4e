// Sends the camera's pictures, two at a time, and shows each when it comes back painted.
(token) => {
    const camera = window.nst.camera, {video, stream} = camera;
    const canvas = document.querySelector("#scene canvas");
    const message = document.querySelector("#scene p");
    const small = document.createElement("canvas");
    const scale = Math.min(1, "{{size}}" / Math.max(video.videoWidth, video.videoHeight));
    small.width = canvas.width = Math.round(video.videoWidth * scale);
    small.height = canvas.height = Math.round(video.videoHeight * scale);
    const facing = stream.getVideoTracks()[0].getSettings().facingMode;
    canvas.classList.toggle("mirrored", facing !== "environment");
    canvas.hidden = false;
    message.textContent = "";
    const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
    const end = (reason) => {
        if (window.nst.camera !== camera) return;
        document.querySelector("#live-stop").click();
        message.textContent = reason;
    };
    let sent = 0, shown = 0;
    const paintOne = async () => {
        const number = ++sent;
        small.getContext("2d").drawImage(video, 0, 0, small.width, small.height);
        const picture = await new Promise((done) => small.toBlob(done, "image/jpeg", 0.85));
        const address = `${window.gradio_config.root}/live/${token}`;
        const options = {method: "POST", body: picture, signal: camera.signal};
        const answer = await fetch(address, options);
        if (answer.status === 200) {
            const painted = await createImageBitmap(await answer.blob());
            if (number < shown) return; // a later picture was faster
            shown = number;
            message.textContent = "";
            canvas.getContext("2d").drawImage(painted, 0, 0, canvas.width, canvas.height);
            return;
        }
        const reason = await answer.text();
        if (!answer.ok) throw new Error(reason);
        message.textContent = reason;
        await wait(reason ? 1000 : 200);
    };
    const run = async () => {
        try {
            while (window.nst.camera === camera) {
                await paintOne();
                if (!canvas.offsetParent) return end(""); // another tab of the page is open
            }
        } catch (error) {
            end(error instanceof TypeError ? "{{broken}}" : error.message);
        }
    };
    run();
    run();
}
