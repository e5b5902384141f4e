// Opens the camera; whoever has none, or may not use it, is told so by the server.
async (...sent) => {
    try {
        const wish = {video: {width: {ideal: 1280}, facingMode: "user"}};
        const stream = await navigator.mediaDevices.getUserMedia(wish);
        const video = Object.assign(document.createElement("video"),
            {srcObject: stream, muted: true, playsInline: true});
        await video.play();
        const gone = new AbortController();
        const off = () => {
            gone.abort(); // pictures on their way are not waited for
            stream.getTracks().forEach((track) => track.stop());
            window.nstCamera = undefined;
        };
        window.nstCamera?.off();
        window.nstCamera = {stream, video, gone: gone.signal, off};
        sent[0] = false;
    } catch {
        sent[0] = true;
    }
    return sent;
}
