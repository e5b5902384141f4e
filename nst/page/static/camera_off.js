// The camera's light goes out.
(...sent) => {
    window.nstCamera?.stream.getTracks().forEach((track) => track.stop());
    window.nstCamera = undefined;
    return sent;
}
