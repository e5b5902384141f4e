// The camera's light goes out.
(...sent) => {
    window.nstCamera?.off();
    return sent;
}
