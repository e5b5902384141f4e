// Opens the camera; the first value tells the server whether that was denied.
async (...values) => {
    const nst = (window.nst ??= {});
    let stream;
    try {
        const constraints = {video: {width: {ideal: 1280}, facingMode: "user"}};
        stream = await navigator.mediaDevices.getUserMedia(constraints);
        const video = Object.assign(document.createElement("video"),
            {srcObject: stream, muted: true, playsInline: true});
        await video.play();
        const abort = new AbortController();
        const close = () => {
            abort.abort(); // do not wait for pictures on their way
            stream.getTracks().forEach((track) => track.stop());
            nst.camera = undefined;
        };
        nst.camera?.close();
        nst.camera = {stream, video, signal: abort.signal, close};
        values[0] = false;
    } catch {
        stream?.getTracks().forEach((track) => track.stop()); // it was opened, but can't be played
        values[0] = true;
    }
    return values;
}
