// Closes the camera.
(...values) => {
    window.nst?.camera?.close();
    return values;
}
